"""The measures, on mouths whose merits and faults are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio2expr.training import evaluate, shapes
from audio2expr.training.evaluate import Track, measure

from .made_data import make_face_model, make_session, real_gap


@pytest.fixture(scope="module")
def perfect() -> list[Track]:
    tracks = []
    for seed in range(4):
        session = make_session(seed)
        real = real_gap(session.phones, len(session.samples) // 640)
        tracks.append(Track(f"clip{seed}", session.phones, real.copy(), real))
    return tracks


def changed(tracks: list[Track], change: object) -> list[Track]:
    return [replace(t, gap=change(t.gap)) for t in tracks]  # type: ignore[operator]


def test_the_real_lips_are_as_good_as_it_gets(perfect: list[Track]) -> None:
    report = measure(perfect)
    assert report.r == pytest.approx(1)
    assert abs(report.offset_frames) < 0.1
    assert report.closure_recall > 0.9
    assert report.open_over_closed > 3
    assert report.r_mismatched < 0.5
    assert report.silence_gap_max < 0.02 and report.silence_motion_max == 0


@pytest.mark.parametrize("frames", [-2, 1, 3])
def test_an_offset_is_found_with_its_sign(perfect: list[Track], frames: int) -> None:
    report = measure(changed(perfect, lambda gap: np.roll(gap, frames)))
    assert report.offset_frames == pytest.approx(frames, abs=0.3)


def test_a_mouth_that_never_closes_is_caught(perfect: list[Track]) -> None:
    report = measure(changed(perfect, lambda gap: gap + 0.03))
    assert report.closure_recall == 0 and report.closure_recall_strict == 0
    assert report.silence_gap_max > 0.02


def test_a_mouth_that_always_closes_is_caught(perfect: list[Track]) -> None:
    report = measure(changed(perfect, lambda gap: gap * 0))
    assert report.closure_recall == 1
    assert report.false_closures_per_s > 3
    assert np.isnan(report.r)


def test_a_restless_silence_is_caught(perfect: list[Track]) -> None:
    random = np.random.default_rng(0)
    report = measure(changed(perfect, lambda gap: gap + random.uniform(0, 0.01, len(gap))))
    assert report.silence_motion_max > 0


def test_gap_row_reads_all_arkit_names(tmp_path: Path) -> None:
    rest, row = evaluate.gap_row(
        make_face_model(tmp_path / "face.npz"), ("jawOpen", "mouthPressLeft", "eyeBlinkLeft")
    )
    assert rest == pytest.approx(shapes.GAP_AT_REST)
    np.testing.assert_allclose(row, [shapes.GAP["jawOpen"], shapes.GAP["mouthPress"] / 2, 0], atol=1e-9)


def test_motion_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    frames = [{"time": 0.0, "weights": [0.1, 0.2]}, {"time": 0.04, "weights": [0.3, 0.4]}]
    path.write_text(
        json.dumps({"fps": 25, "names": ["jawOpen", "mouthClose"], "frames": frames}), encoding="utf-8"
    )
    names, weights = evaluate.read_motion(path)
    assert names == ("jawOpen", "mouthClose")
    np.testing.assert_array_equal(weights, [[0.1, 0.2], [0.3, 0.4]])


def test_a_sluggish_mouth_shows_in_the_spectrum_and_a_twin_does_not(perfect: list[Track]) -> None:
    assert measure(perfect).spectrum == pytest.approx((1, 1, 1, 1))
    slow = measure(changed(perfect, lambda gap: np.convolve(gap, np.ones(4) / 4, "same"))).spectrum
    assert slow[-1] < 0.5 < slow[0]


def test_rounding_shows_in_the_width(perfect: list[Track]) -> None:
    narrow = [replace(t, width=np.where(real_gap(t.phones, len(t.gap)) == 0.03, 0.4, 0.5)) for t in perfect]
    assert measure(narrow).round_width == pytest.approx(0.8)
    pursed, wide = shapes.shape("uw", 0.03), shapes.shape("aa", 0.1)
    assert shapes.width(pursed) < 0.9 * shapes.width(wide)
