from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_engine.drivers.media.background import read_background
from avatar_engine.errors import UsageError


@pytest.mark.parametrize(
    ("text", "rgb"),
    [("white", (255, 255, 255)), ("#f00", (255, 0, 0)), ("#20c0ff", (32, 192, 255)), ("Navy", (0, 0, 128))],
)
def test_colours(text: str, rgb: tuple[int, ...]) -> None:
    picture = read_background(text, 8)
    assert picture is not None and picture.shape == (8, 8, 3) and (picture == rgb).all()


def test_an_image_covers_the_square_and_is_cut_evenly(tmp_path: Path) -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = (10, 20, 200)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    picture = read_background(str(tmp_path / "a.png"), 64)
    assert picture is not None and picture.shape == (64, 64, 3)
    assert (picture[32, 4:60] == (200, 20, 10)).all()


@pytest.mark.parametrize("text", ["#12", "#12345g", "no_such.png", "blu", ""])
def test_what_is_neither_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="background"):
        read_background(text, 8)


def test_a_file_that_is_no_image_is_wrong_usage(tmp_path: Path) -> None:
    for content in (b"", b"text"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(UsageError, match="not an image"):
            read_background(str(tmp_path / "a.png"), 8)


def test_an_image_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"x")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        read_background(str(tmp_path / "a.png"))


def test_transparent_is_nothing() -> None:
    assert read_background("transparent", 8) is None
