"""The smoother's runtime, on a tiny random net and on the one that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar_engine.motion.lips import aperture
from avatar_engine.motion.smoother import SmootherModel, SmootherStream
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.training.curves import SMOOTHED_NAMES, make_sequence
from avatar_engine.training.smoother import SmootherNet, TrainingOptions, write_folder
from avatar_engine.weights import verify

SHIPPED = Path(__file__).parents[3] / "avatar_engine" / "motion" / "weights" / "smoother"
COLUMNS = [ARKIT_INDEX[name] for name in SMOOTHED_NAMES]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SmootherModel:
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("smoother")
    net = SmootherNet(len(SMOOTHED_NAMES), 8)
    torch.nn.init.normal_(net.out.weight, std=0.5)
    write_folder(net, folder, TrainingOptions(hidden=8), {})
    return SmootherModel.load(folder)


def faces(seed: int, frames: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).random((frames, len(ARKIT_NAMES)))


def smoothed(stream: SmootherStream, weights: np.ndarray) -> np.ndarray:
    return np.array([stream.step(frame, 0.05, True)[0] for frame in weights])


def test_what_it_does_not_smooth_passes_through(tiny: SmootherModel) -> None:
    weights = faces(0)
    others = np.delete(np.arange(len(ARKIT_NAMES)), COLUMNS)
    out = smoothed(tiny.open(), weights)
    assert np.array_equal(out[:, others], weights[:, others])
    assert np.abs(out[:, COLUMNS] - weights[:, COLUMNS]).max() > 0.01


def test_a_correction_is_bounded(tiny: SmootherModel) -> None:
    weights = faces(1)
    assert np.abs(smoothed(tiny.open(), weights) - weights).max() <= 0.3 + 1e-6


def test_a_frame_depends_on_frames_before_it_only(tiny: SmootherModel) -> None:
    one, other = faces(2), faces(2)
    other[30:] = faces(3)[30:]
    a, b = smoothed(tiny.open(), one), smoothed(tiny.open(), other)
    assert np.array_equal(a[:30], b[:30])
    assert not np.array_equal(a[31], b[31])


def test_streams_of_one_model_do_not_share_state(tiny: SmootherModel) -> None:
    weights = faces(4)
    alone = smoothed(tiny.open(), weights)
    first, second = tiny.open(), tiny.open()
    together = []
    for frame in weights:
        together.append(first.step(frame, 0.05, True)[0])
        second.step(1 - frame, 0.0, False)
    assert np.array_equal(np.array(together), alone)


@pytest.fixture(scope="module")
def shipped() -> SmootherModel:
    return SmootherModel.load(verify(SHIPPED).folder)


def run_shipped(shipped: SmootherModel, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Apertures of a held-out sequence: clean, noisy, smooth, and validity."""
    sequence = make_sequence(2_000_000 + seed, 200)

    def opening(columns: np.ndarray) -> np.ndarray:
        full = np.zeros((len(columns), len(ARKIT_NAMES)))
        full[:, COLUMNS] = columns
        return aperture(full)

    stream, smooth = shipped.open(), []
    for frame, valid in zip(sequence.noisy, sequence.valid, strict=True):
        full = np.zeros(len(ARKIT_NAMES))
        full[COLUMNS] = frame[:-1]
        smooth.append(stream.step(full, float(frame[-1]), bool(valid))[0][COLUMNS])
    apertures = (opening(x) for x in (sequence.clean[:, :-1], sequence.noisy[:, :-1], np.array(smooth)))
    clean, noisy, out = apertures
    return clean, noisy, out, sequence.valid > 0


def test_the_shipped_net_cuts_jitter_and_keeps_closures_and_time(shipped: SmootherModel) -> None:
    runs = [run_shipped(shipped, seed) for seed in range(6)]
    jitter = {
        which: np.sqrt(np.mean([np.mean(np.diff(run[which] - run[0], n=2) ** 2) for run in runs]))
        for which in (1, 2)
    }
    assert jitter[2] < 0.75 * jitter[1]
    closed = [run[2][(run[0] < 0.008) & run[3]] for run in runs]
    assert np.mean(np.concatenate(closed) < 0.02) > 0.95
    late = [
        sum(np.corrcoef(np.roll(run[2], -shift)[5:-5], run[0][5:-5])[0, 1] for run in runs)
        for shift in range(-3, 4)
    ]
    assert abs(int(np.argmax(late)) - 3) == 0


def test_the_shipped_net_leaves_a_resting_face_at_rest(shipped: SmootherModel) -> None:
    out = [shipped.open().step(np.zeros(len(ARKIT_NAMES)), 0.009, True)[0] for _ in range(50)]
    assert np.ptp(out, axis=0).max() == 0
    stream = shipped.open()
    rest = np.array([stream.step(np.zeros(len(ARKIT_NAMES)), 0.009, True)[0] for _ in range(80)])
    assert np.ptp(aperture(rest[25:])) < 1e-3
    assert np.abs(rest).max() < 0.03
