from __future__ import annotations

import contextlib
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar_engine.drivers import api
from avatar_engine.drivers.output import NewFile, NewFolder, reporting
from avatar_engine.errors import OutputError
from tests.support.film_fakes import SketchedModels, beeps

SPEECH = (beeps(2.0, 16_000), 16_000)


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with NewFile(tmp_path / "a.txt") as new:
        new.temporary.write_text("done")
        assert not (tmp_path / "a.txt").exists()
        new.commit()
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "done"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), NewFile(tmp_path / "a.txt") as new:
        new.temporary.write_text("half")
        _ = 1 / 0
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with NewFile(tmp_path / "a.txt") as new:
            new.commit()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    (tmp_path / "a.txt").symlink_to(tmp_path / "real" / "a.txt")
    with NewFile(tmp_path / "a.txt") as new:
        new.temporary.write_text("new")
        new.commit()
    assert (tmp_path / "a.txt").is_symlink() and (tmp_path / "real" / "a.txt").read_text() == "new"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path, words in (
        (tmp_path / "none" / "a.txt", "create the folder first"),
        (tmp_path / "file" / "a.txt", "not a folder"),
        (tmp_path / "folder", "is a folder"),
        (tmp_path / ("x" * 300), "shorter name"),
        (Path(os.devnull), "not an ordinary file"),
    ):
        with pytest.raises(OutputError, match=words) as caught:
            NewFile(path)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="you may write to"):
        NewFile(tmp_path / "locked" / "a.txt")


def make_folder(path: Path, count: int) -> None:
    with NewFolder(path, "frame_*.png") as new:
        for index in range(count):
            (new.temporary / f"frame_{index:06}.png").write_text(str(count))
        new.commit()


def test_a_folder_replaces_an_older_one_whole(tmp_path: Path) -> None:
    make_folder(tmp_path / "frames", 3)
    make_folder(tmp_path / "frames", 2)
    assert names(tmp_path) == ["frames"] and names(tmp_path / "frames") == [
        "frame_000000.png",
        "frame_000001.png",
    ]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds 'thesis.txt'"):
        make_folder(tmp_path / "frames", 1)
    assert names(tmp_path / "frames") == ["thesis.txt"]
    with pytest.raises(OutputError, match="is a file"):
        make_folder(tmp_path / "frames" / "thesis.txt", 1)


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(KeyError), reporting(tmp_path):
        raise KeyError("not the disk")


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 8 kB: the same path through the code as a full disk, without one.

    Around the one call only: the limit holds for the whole process, and as a fixture it also cut off what
    pytest itself wrote to a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["film.mp4", "film.webm", "film.webp"])
def test_a_film_that_does_not_fit_loses_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"the old film")
    noisy = (np.random.default_rng(0).uniform(-0.5, 0.5, 32_000).astype(np.float32), 16_000)
    with pytest.raises(OutputError, match=f"{name}: cannot be written: File too large"), small_files():
        api.render(noisy, output=tmp_path / name, size=512, models=SketchedModels())
    assert names(tmp_path) == [name] and (tmp_path / name).read_bytes() == b"the old film"


@pytest.mark.parametrize("name", ["motion.json", "motion.csv"])
def test_motion_that_does_not_fit_loses_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(OutputError, match="File too large"), small_files():
        api.motion(SPEECH, output=tmp_path / name, models=SketchedModels())
    assert names(tmp_path) == [name] and (tmp_path / name).read_text() == "old"


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_a_full_disk_is_told_as_such() -> None:
    with (
        pytest.raises(OutputError, match="No space left on device; free some space"),
        reporting(Path("film.mp4")),
    ):
        Path("/dev/full").write_bytes(b"x")
