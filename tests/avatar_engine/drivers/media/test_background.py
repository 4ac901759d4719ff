from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_engine.drivers.media.background import Background
from avatar_engine.errors import UsageError


@pytest.mark.parametrize(
    ("text", "rgb"),
    [("white", (255, 255, 255)), ("#f00", (255, 0, 0)), ("#20c0ff", (32, 192, 255)), ("Navy", (0, 0, 128))],
)
def test_colours(text: str, rgb: tuple[int, ...]) -> None:
    picture = Background.parse(text, 8).picture
    assert picture is not None and picture.shape == (8, 8, 3) and (picture == rgb).all()


def test_an_image_covers_the_square_and_is_cut_evenly(tmp_path: Path) -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = (10, 20, 200)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    picture = Background.parse(str(tmp_path / "a.png"), 64).picture
    assert picture is not None and picture.shape == (64, 64, 3)
    assert (picture[32, 4:60] == (200, 20, 10)).all()


@pytest.mark.parametrize("text", ["#12", "#12345g", "no_such.png", "blu", ""])
def test_what_is_neither_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="background"):
        Background.parse(text, 8)


def test_a_file_that_is_no_image_is_wrong_usage(tmp_path: Path) -> None:
    for content in (b"", b"text"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(UsageError, match="not an image"):
            Background.parse(str(tmp_path / "a.png"), 8)


def test_transparent_keeps_the_picture_as_it_is() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
    background = Background.parse("transparent", 8)
    assert background.is_transparent and background.behind(rgba) is rgba


def test_a_colour_stands_behind_and_the_result_is_opaque() -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    made = Background.parse("#0a141e", 8).behind(rgba)
    assert (made == (10, 20, 30, 255)).all()
