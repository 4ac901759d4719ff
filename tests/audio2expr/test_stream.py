"""A stream is the same however it is cut, hears at most 80 ms ahead, and names what is wrong."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio2expr import Audio2Expr, SpeechFrames
from audio2expr.stream import LOOKAHEAD_SAMPLES

from .conftest import make_speech

FIELDS = [f.name for f in dataclasses.fields(SpeechFrames)]
SPEECH = make_speech(1.2, seed=5)


def run(model: Audio2Expr, pieces: list[np.ndarray]) -> SpeechFrames:
    stream = model.stream()
    parts = [stream.push(p) for p in pieces] + [stream.flush()]
    return SpeechFrames(*(np.concatenate([getattr(p, name) for p in parts]) for name in FIELDS))


def cut(samples: np.ndarray, size: int) -> list[np.ndarray]:
    return [samples[i : i + size] for i in range(0, len(samples), size)]


def assert_same(one: SpeechFrames, other: SpeechFrames) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("size", [1, 160, 777, 16_000])
def test_same_frames_however_the_speech_is_cut(tiny_model: Audio2Expr, size: int) -> None:
    sound = SPEECH[:4000] if size == 1 else SPEECH
    assert_same(run(tiny_model, cut(sound, size)), run(tiny_model, [sound]))


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 5000), max_size=12), length=st.integers(0, len(SPEECH)))
def test_same_frames_for_pieces_of_any_sizes(tiny_model: Audio2Expr, sizes: list[int], length: int) -> None:
    sound = SPEECH[:length]
    pieces, at = [], 0
    for size in sizes:
        pieces.append(sound[at : at + size])
        at += size
    frames = run(tiny_model, [*pieces, sound[at:]])
    assert len(frames) == -(-length // 640)
    assert_same(frames, run(tiny_model, [sound]))


def test_two_streams_of_one_model_do_not_meet(tiny_model: Audio2Expr) -> None:
    one, other = tiny_model.stream(), tiny_model.stream()
    noise = np.random.default_rng(1).normal(size=3200).astype(np.float32) * 0.2
    parts = []
    for piece in cut(SPEECH, 3200):
        parts.append(one.push(piece).weights)
        other.push(noise)
    parts.append(one.flush().weights)
    np.testing.assert_array_equal(np.concatenate(parts), run(tiny_model, [SPEECH]).weights)


@pytest.mark.parametrize("frame", [0, 3, 11])
def test_no_frame_hears_beyond_its_lookahead(tiny_model: Audio2Expr, frame: int) -> None:
    assert tiny_model.lookahead_samples == LOOKAHEAD_SAMPLES <= 1280
    limit = 640 * (frame + 1) + tiny_model.lookahead_samples
    changed = SPEECH.copy()
    changed[limit:] = np.random.default_rng(2).normal(size=len(changed) - limit) * 0.3
    before, after = run(tiny_model, [SPEECH]), run(tiny_model, [changed])
    for name in FIELDS:
        np.testing.assert_array_equal(
            getattr(before, name)[: frame + 1], getattr(after, name)[: frame + 1], err_msg=name
        )
    changed[limit - 300 : limit] += 0.4
    nearer = run(tiny_model, [changed])
    assert not np.array_equal(nearer.weights[: frame + 2], before.weights[: frame + 2])


def test_ranges_and_shapes(tiny_model: Audio2Expr) -> None:
    frames = run(tiny_model, [SPEECH])
    k = -(-len(SPEECH) // 640)
    assert frames.weights.shape == (k, len(tiny_model.names))
    assert frames.emotion.shape == (k, len(tiny_model.emotion_names))
    for name in ("weights", "voiced", "emotion", "arousal"):
        values = getattr(frames, name)
        assert values.dtype == np.float32 and values.min() >= 0 and values.max() <= 1, name
    assert frames.loudness_db.max() < 0 and frames.loudness_db.min() >= -100.001
    assert set(np.sign(frames.pitch_hz)) <= {0.0, 1.0}


def test_push_of_nothing_and_flush_of_nothing_give_nothing(tiny_model: Audio2Expr) -> None:
    stream = tiny_model.stream()
    assert len(stream.push(np.zeros(0, np.float32))) == 0
    last = stream.flush()
    assert len(last) == 0 and last.weights.shape == (0, len(tiny_model.names))
    assert last.emotion.shape == (0, len(tiny_model.emotion_names))
    assert len(stream.flush()) == 0


def test_a_flushed_stream_takes_no_more(tiny_model: Audio2Expr) -> None:
    stream = tiny_model.stream()
    stream.flush()
    with pytest.raises(ValueError, match="begin a new one"):
        stream.push(np.zeros(10, np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_named(tiny_model: Audio2Expr, bad: float) -> None:
    stream = tiny_model.stream()
    stream.push(np.zeros(1000, np.float32))
    damaged = np.zeros(500, np.float32)
    damaged[123] = bad
    with pytest.raises(ValueError, match="sample 1123 is .*decode it again"):
        stream.push(damaged)


@pytest.mark.parametrize("wrong", [np.zeros(10), np.zeros((5, 2), np.float32), [0.0] * 10])
def test_other_types_and_shapes_are_refused(tiny_model: Audio2Expr, wrong: object) -> None:
    with pytest.raises(ValueError, match="float32 array"):
        tiny_model.stream().push(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("sound", ["zeros", "square", "far beyond full scale", "one click", "constant"])
def test_hard_sounds_give_finite_frames_without_a_warning(tiny_model: Audio2Expr, sound: str) -> None:
    n = 16_000
    made = {
        "zeros": np.zeros(n),
        "square": np.sign(np.sin(np.arange(n) * 0.05)),
        "far beyond full scale": np.sin(np.arange(n) * 0.05) * 1e30,
        "one click": np.eye(1, n, 5000)[0],
        "constant": np.full(n, 0.7),
    }[sound].astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames = run(tiny_model, [made])
    for name in FIELDS:
        assert np.isfinite(getattr(frames, name)).all(), name


def test_what_a_stream_holds_does_not_grow(tiny_model: Audio2Expr) -> None:
    stream = tiny_model.stream()
    for _ in range(3):
        stream.push(make_speech(1.0))
    held = (len(stream._pending), stream._rows.shape, len(stream._blocks))
    for _ in range(10):
        stream.push(make_speech(1.0))
    assert (len(stream._pending), stream._rows.shape, len(stream._blocks)) == held
