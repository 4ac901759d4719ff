from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_engine.drivers.plot import figure
from avatar_engine.drivers.plot.panels import SHOWN_WEIGHTS, felt_emotions, main_weights
from avatar_engine.drivers.plot.phone_files import LabelledPhone
from avatar_engine.drivers.plot.scene import Scene
from avatar_engine.motion import lips
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX
from avatar_engine.types import EmotionScores
from tests.support.motion_fakes import moving_frames, stacked


def make_scene(seconds: float = 1.0, **changes: object) -> Scene:
    frames = moving_frames(round(25 * seconds))
    weights, head_rad, gaze_rad = stacked(frames)
    probs = np.zeros(7, np.float32)
    probs[EMOTION_INDEX["joy"]], probs[EMOTION_INDEX["fear"]] = 0.9, 0.05
    scores = EmotionScores(0, round(16000 * seconds), probs, 1.0, "text")
    phones = (LabelledPhone(0, 0.3, "sil"), LabelledPhone(0.3, 0.5, "m"), LabelledPhone(0.5, 9.0, "aa"))
    sound = np.random.default_rng(1).normal(0, 0.1, round(8000 * seconds)).astype(np.float32)
    emotions = ((0.0, seconds, scores),)
    scene = Scene(0.0, seconds, sound, 8000, weights, head_rad, gaze_rad, emotions, phones, "speech.wav")
    return replace(scene, **changes)  # type: ignore[arg-type]


def labels(scene: Scene) -> list[str]:
    made = figure.draw(scene)
    return [text.get_text().strip() for axes in made.axes for text in axes.texts]


def test_all_panels_share_the_time_and_show_the_motion() -> None:
    scene = make_scene()
    made = figure.draw(scene)
    assert len(made.axes) == 7 and {axes.get_xlim() for axes in made.axes} == {(0.0, 1.0)}
    curve = made.axes[2].lines[-1].get_ydata()
    np.testing.assert_allclose(curve, lips.aperture(scene.weights.astype(np.float64)))
    yaw = made.axes[5].lines[1].get_ydata()
    np.testing.assert_allclose(yaw, np.degrees(scene.head_rad[:, 0]), rtol=1e-5)
    found = labels(scene)
    assert "m" in found and "aa" in found and "sil" not in found and "yaw" in found and "text" in found


def test_what_is_not_known_is_not_shown() -> None:
    scene = make_scene(phones=None, emotions=())
    assert len(figure.draw(scene).axes) == 6
    assert felt_emotions(scene) == ["neutral"] and felt_emotions(make_scene()) == ["joy"]


def test_the_weights_that_move_most_are_shown() -> None:
    weights = np.zeros((50, len(ARKIT_NAMES)), np.float32)
    beat = np.tile([0.0, 1.0], 25)
    for name, size in (("mouthSmileLeft", 0.9), ("mouthSmileRight", 0.5), ("jawOpen", 0.6), ("jawLeft", 0.5)):
        weights[:, ARKIT_INDEX[name]] = size * beat
    weights[:, ARKIT_INDEX["eyeBlinkLeft"]] = beat
    shown = main_weights(weights)
    assert [name for name, _ in shown[:3]] == ["mouthSmile", "jawOpen", "jawLeft"]
    assert len(shown) == SHOWN_WEIGHTS and shown[0][1].max() == pytest.approx(0.7)


def test_labels_of_close_curves_stand_apart() -> None:
    made = figure.draw(make_scene(head_rad=np.zeros((25, 3), np.float32)))
    axes = made.axes[5]
    heights = sorted(
        text.get_position()[1] for text in axes.texts if text.get_text() in ("yaw", "pitch", "roll")
    )
    inches = np.diff(heights) / np.diff(axes.get_ylim()) * axes.get_position().height * made.get_figheight()
    assert (inches > 0.12).all()


def test_files_of_each_kind_and_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure, "DPI", 30)
    scene = make_scene(0.2)
    for name, kind in (("a", "png"), ("b", "pdf"), ("c", "svg"), ("d", "svg")):
        figure.save(scene, tmp_path / name, kind)
    png, pdf, svg, again = ((tmp_path / name).read_bytes() for name in "abcd")
    assert png.startswith(b"\x89PNG") and pdf.startswith(b"%PDF") and svg.startswith(b"<?xml")
    assert svg == again


def test_the_width_grows_with_the_time_within_bounds() -> None:
    widths = [figure.draw(make_scene(seconds)).get_figwidth() for seconds in (0.04, 12.0, 120.0)]
    assert widths == sorted(widths) and widths[0] > figure.NARROWEST and widths[2] < figure.WIDEST + 2
