from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from avatar_engine import assembly
from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.drivers import api, cli
from avatar_engine.errors import UsageError
from tests.support.film_fakes import SketchedModels
from tests.support.session_fakes import syllables

made: list[SketchedModels] = []


@pytest.fixture(autouse=True)
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    made.clear()

    def models() -> SketchedModels:
        made.append(SketchedModels())
        return made[-1]

    def find(name: str) -> assembly.AvatarFacts:
        if name != "ava":
            raise UsageError(f"unknown avatar {name!r}")
        return assembly.AvatarFacts(name, "1.0", Path(), {})

    monkeypatch.setattr(api, "Models", models)
    monkeypatch.setattr(assembly, "find_avatar", find)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(["one", "two", "three"]):
        soundfile.write(tmp_path / f"{name}.wav", syllables(0.4, seed=seed), SAMPLE_RATE)
    return tmp_path


def run(folder: Path, table: str, *options: str) -> int:
    (folder / "table.csv").write_text(table, encoding="utf-8")
    return cli.main(
        ["batch", str(folder / "table.csv"), "-o", str(folder / "films"), "--size", "256", *options]
    )


def summary(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "films" / "summary.json").read_text())
    return content


def drawn() -> int:
    return sum(face.drawn for models in made for face in models._made.values())


def test_all_rows_are_made_with_models_loaded_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = (
        "audio,text,output,avatar,emotion,seed\none.wav,I feel joy.,first.mp4,ava,joy:0.5,7\ntwo.wav,,,,,\n"
    )
    assert run(folder, table) == 0
    assert sorted(item.name for item in (folder / "films").iterdir()) == [
        "first.mp4",
        "summary.json",
        "two.mp4",
    ]
    content = summary(folder)
    assert (content["rows"], content["done"], content["failed"]) == (2, 2, 0)
    assert len(made) == 1 and made[0].loaded == 1
    output, errors = capsys.readouterr()
    assert "2 of 2 done (0 of them earlier), 0 failed" in output and errors == ""


def test_a_second_run_makes_only_what_is_missing_or_changed(folder: Path) -> None:
    table = "audio,seed\none.wav,1\ntwo.wav,1\nthree.wav,1\n"
    assert run(folder, table) == 0
    before = {item.name: item.stat().st_mtime_ns for item in (folder / "films").glob("*.mp4")}
    assert drawn() == 30
    assert run(folder, table) == 0 and drawn() == 30
    (folder / "films" / "two.mp4").write_bytes(b"half a film")
    soundfile.write(folder / "three.wav", syllables(0.6, seed=9), SAMPLE_RATE)
    assert run(folder, table.replace("one.wav,1", "one.wav,2")) == 0
    assert drawn() == 30 + 10 + 10 + 15
    after = {item.name: item.stat().st_mtime_ns for item in (folder / "films").glob("*.mp4")}
    assert all(after[name] != before[name] for name in before)
    assert run(folder, table.replace("one.wav,1", "one.wav,2")) == 0 and drawn() == 65


def test_other_options_make_all_again(folder: Path) -> None:
    assert run(folder, "audio\none.wav\n") == 0 and drawn() == 10
    assert run(folder, "audio\none.wav\n", "--size", "384") == 0 and drawn() == 20


def test_bad_rows_do_not_stop_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = (
        "audio,output,avatar,emotion,seed\n"
        "none.wav,,,,\none.wav,,bob,,\ntwo.wav,,,happy,\nthree.wav,,,,x\n"
        "one.wav,../out.mp4,,,\none.wav,a.avi,,,\none.wav,good.mp4,,,\n"
    ).replace("one.wav,,bob", "one.wav,bob.mp4,bob")
    assert run(folder, table) == 1
    content = summary(folder)
    records = content["records"]
    assert isinstance(records, list)
    assert [record["status"] for record in records] == ["failed"] * 6 + ["done"]
    for record, words in zip(
        records,
        [
            "cannot be read",
            "unknown avatar",
            "unknown emotion",
            "whole number",
            "outside",
            "unknown ending",
            "",
        ],
        strict=True,
    ):
        assert words in record["error"]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 6 and errors[0].startswith("avatar-engine: row 1 (none.wav): ")
    assert not (folder / "out.mp4").exists()


def test_an_interrupted_run_is_resumed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render = api.render

    def interrupted(speech: Path, *arguments: object, **options: object) -> object:
        if speech.name == "two.wav":
            raise KeyboardInterrupt
        return render(speech, *arguments, **options)  # type: ignore[arg-type]

    table = "audio\none.wav\ntwo.wav\nthree.wav\n"
    monkeypatch.setattr(api, "render", interrupted)
    assert run(folder, table) == 130
    assert summary(folder)["done"] == 1
    monkeypatch.setattr(api, "render", render)
    assert run(folder, table) == 0 and drawn() == 30


def test_a_folder_of_pictures_is_resumed_too(folder: Path) -> None:
    for _ in range(2):
        assert run(folder, "audio,output\none.wav,frames\n") == 0
    assert drawn() == 10


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("sound\none.wav\n", "unknown column 'sound'"),
        ("text\nhello\n", "no column 'audio'"),
        ("audio\n", "has no rows"),
        ("", "no column 'audio'"),
        ("audio\none.wav\none.wav\n", "rows 1 and 2 both write 'one.mp4'"),
        ("audio,output\none.wav,summary.json\n", "which the summary needs"),
    ],
)
def test_a_wrong_table_is_wrong_usage(
    folder: Path, table: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, table) == 2
    errors = capsys.readouterr().err
    assert words in errors and errors.count("\n") == 1
    assert not (folder / "films").exists()


def test_a_missing_table_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["batch", str(folder / "none.csv"), "-o", str(folder / "films")]) == 2
    assert "no such file" in capsys.readouterr().err
