"""The matte that is fitted to rendered ones, and pictures before another background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.assembly import find_avatar
from renderer.backdrop import Mattes, Scratch, lay_wall, turn_terms
from renderer.geometry import HAIR_REGION, MATTE_GRID, SIZE
from renderer.portrait import FormatError, Portrait
from renderer.torch_places import carried, head_matte, pixel_grid
from renderer.training.dataset import read_labels
from renderer.training.matte import MatteFit, fit_canvas, fit_wall, on_grid, turns, with_matte
from tests.renderer.conftest import hair_labels


def discs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mattes of a head that goes with its turn, over shoulders, and their controls."""
    random = np.random.default_rng(4)
    controls = np.zeros((count, 57), np.float32)
    controls[:, 52:55] = random.uniform(-0.6, 0.6, (count, 3))
    mattes = []
    for yaw, pitch, _ in controls[:, 52:55]:
        matte = np.zeros((512, 512), np.uint8)
        matte[420:, 100:400] = 255
        centre = (round(256 + 40 * float(yaw)), round(230 - 30 * float(pitch)))
        mattes.append(cv2.ellipse(matte, centre, (110, 150), 0, 0, 360, 255, -1))
    return torch.from_numpy(np.stack(mattes))[:, None].float() / 255, torch.from_numpy(controls)


def test_a_moving_head_over_still_shoulders_is_found() -> None:
    torch.manual_seed(0)
    mattes, controls = discs(14)
    start = cv2.ellipse(np.zeros((512, 512), np.uint8), (250, 235), (118, 158), 0, 0, 360, 255, -1)
    fit = MatteFit(start, np.zeros((9, 12), np.float32), mattes[:12])
    before = fit.error(mattes[12:], controls[12:])
    fit.learn(mattes[:12], controls[:12], 60)
    assert fit.error(mattes[12:], controls[12:]) < 0.55 * before
    assert fit.head.min() >= 0 and fit.head.max() <= 1 and not fit.head.requires_grad


def test_a_motion_on_the_grid_is_the_motion_in_its_cells() -> None:
    torch.manual_seed(1)
    motion, controls = 0.02 * torch.randn(9, 12), torch.zeros(1, 57)
    controls[:, 52:55] = torch.tensor([0.4, -0.3, 0.2])
    head = controls[0, 52:55]
    terms = torch.cat([head, head.square(), head * head.roll(1)])
    added = torch.einsum("t,tcyx->cyx", terms, on_grid(motion))
    x0, y0, x1, y1 = HAIR_REGION
    rows, columns = added.shape[1:]
    for row, column in ((0, 0), (13, 20), (rows - 1, columns - 1)):
        place = torch.tensor(
            [[[[x0 + (column + 0.5) * (x1 - x0) / columns, y0 + (row + 0.5) * (y1 - y0) / rows, 1.0]]]]
        )
        moved = carried(place[0], controls, motion)[0, 0, 0] - (place[0, 0, 0, :2] * (2 / SIZE) - 1)
        torch.testing.assert_close(added[:, row, column], moved, rtol=1e-4, atol=1e-6)
    assert pixel_grid(4, torch.device("cpu")).shape == (4, 4, 3)


def test_the_wall_is_what_is_seen_of_it_and_goes_on_behind() -> None:
    ramp = np.linspace(60, 120, 512, dtype=np.float32)[None, :, None].repeat(512, 0).repeat(3, 2)
    matte = np.zeros((2, 512, 512), np.float32)
    matte[:, 100:, 150:350] = 1
    matte[1, :300, :100] = 1
    pictures = [np.where(m[:, :, None] > 0, 250, ramp).astype(np.uint8) for m in matte]
    wall = (fit_wall(pictures, matte) + 1) * 127.5
    wanted = cv2.resize(ramp, (64, 64), interpolation=cv2.INTER_AREA)
    assert wall.shape == (64, 64, 3) and np.abs(wall - wanted)[:10].max() < 2
    assert np.abs(wall - wanted).max() < 25, "smooth where it is never seen"


def test_frames_give_what_a_network_begins_with(frames_folder: Path) -> None:
    made, facts = fit_canvas(hair_labels(), read_labels([frames_folder]), 8)
    assert set(made) == {"matte", "body", "wall", "hair_motion", "matte_motion", "hair_shown"}
    assert made["matte"].shape == made["body"].shape == (512, 512)
    assert facts["pictures"] >= 6 and 0 < facts["mean error"] < 0.3


def test_too_few_mattes_are_an_error_that_says_how_to_get_them(frames_folder: Path) -> None:
    rows = with_matte(read_labels([frames_folder]))
    with pytest.raises(ValueError, match=r"5 whole pictures .* expected 6"):
        with_matte(rows[:5])
    assert turns(rows).shape == (len(rows), 57)


def moved_matte(mattes: Mattes, body: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """The whole matte of a picture, its parts one after the other."""
    matte = body.copy()
    for rows, _ in mattes.parts():
        mattes.move(mattes.turned(turn_terms(controls)), rows, matte[rows], Scratch(matte.shape))
    return matte


@given(seed=st.integers(0, 10_000), shrink=st.sampled_from([1, 2]))
@settings(max_examples=20)
def test_bytes_say_what_the_formula_says(seed: int, shrink: int) -> None:
    random = np.random.default_rng(seed)
    side = SIZE // shrink
    coarse = (random.random((2, 16, 16)) > 0.5).astype(np.uint8) * 255
    head, body = (cv2.resize(each, (side, side), interpolation=cv2.INTER_LINEAR) for each in coarse)
    body[: side // 2] = random.choice([0, 40])
    wall, picture = random.integers(0, 256, (2, side, side, 3), np.uint8)
    motion = random.normal(0, 0.01, (9, 2, *MATTE_GRID)).astype(np.float32)
    controls = np.zeros(57, np.float32)
    controls[52:55] = random.normal(0, 0.4, 3)
    matte = moved_matte(Mattes(head, body, motion, shrink), body, controls)
    alpha = matte[:, :, None] / 255
    wanted = alpha * picture + (1 - alpha) * wall
    lay_wall(picture, matte, wall, Scratch((side, side)))
    assert np.abs(picture - wanted).max() <= 1.01
    if shrink == 1:
        texture = torch.from_numpy(head / np.float32(255))[None, None]
        moved = head_matte(texture, torch.from_numpy(motion), torch.from_numpy(controls)[None])
        whole = 1 - (1 - moved[0, 0].numpy()) * (1 - body / 255)
        assert np.abs(matte / 255 - whole).mean() < 0.01


@given(shoulders=st.integers(0, SIZE // 2), shrink=st.sampled_from([1, 2]))
def test_the_person_can_be_nowhere_but_in_the_parts(shoulders: int, shrink: int) -> None:
    side = SIZE // shrink
    head = np.full((side, side), 255, np.uint8)
    body = np.zeros_like(head)
    body[shoulders:, ::3] = 255
    mattes = Mattes(head, body, np.zeros((9, 2, *MATTE_GRID), np.float32), shrink)
    covered = np.zeros((side, side), int)
    for part in mattes.parts():
        covered[part] += 1
    assert covered.max() == 1
    assert not moved_matte(mattes, body, np.zeros(57, np.float32))[covered == 0].any()


@pytest.mark.parametrize("size", [256, 384, 512])
def test_before_another_background_only_the_wall_changes(size: int) -> None:
    portrait = Portrait.load(find_avatar("ava").folder, size)
    face = np.zeros(52, np.float32), np.array([0.1, -0.05, 0.02], np.float32), np.zeros(2, np.float32)
    own = portrait.draw(*face)
    green = np.full((SIZE, SIZE, 3), (10, 200, 30), np.uint8)
    before, alone = portrait.before(green).draw(*face), portrait.before(None).draw(*face)
    np.testing.assert_array_equal(own[:, :, 3], before[:, :, 3])
    np.testing.assert_array_equal(own[:, :, 3], alone[:, :, 3])
    inside, outside = own[:, :, 3] == 255, own[:, :, 3] == 0
    assert inside.mean() > 0.3 and outside.mean() > 0.3
    assert np.abs(before[inside].astype(int) - own[inside]).max() <= 1
    assert np.abs(before[outside][:, :3].astype(int) - (10, 200, 30)).max() <= 1
    alpha = alone[:, :, 3:].astype(float) / 255
    mixed = alone[:, :, :3] * alpha + green[:size, :size] * (1 - alpha)
    assert np.abs(mixed - before[:, :, :3]).mean() < 0.5
    np.testing.assert_array_equal(portrait.draw(*face), own)


def test_weights_of_another_format_say_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"config": {"sizes": [512], "size": 512}}', encoding="utf-8")
    with pytest.raises(FormatError, match="format None, expected 3: train the avatar again"):
        Portrait.load(tmp_path)
