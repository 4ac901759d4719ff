"""Thresholds follow what they are chosen on: closures found, in noise as well, and vowels left open."""

from pathlib import Path

import numpy as np
import pytest

from audio2expr.mouth import CLEAN_DB, NOISY_DB, MouthConfig, Sound
from audio2expr.training import operating_point, shapes
from audio2expr.training.levels import Heard
from audio2expr.training.net import NetConfig
from audio2expr.training.phones import PHONE_INDEX, Phone
from audio2expr.training.targets import LipModel, RealClip
from audio2expr.training.train import base_config

FRAMES = 90
CLOSED_AT = (20, 45, 70)


def mouth_config() -> MouthConfig:
    front_end = {"prior_mean": [0.0] * 24, "scale": [1.0] * 24}
    closed_shape = LipModel.load().shapes()[PHONE_INDEX["b"]]
    return MouthConfig.from_config(base_config(front_end, NetConfig(), closed_shape)["mouth"])


def clip() -> RealClip:
    """Vowels with three closures of two frames."""
    phones: list[Phone] = []
    gap, begin_s = 0.1 + 0.01 * np.sin(np.arange(FRAMES)), 0.0
    for frame in CLOSED_AT:
        phones += [Phone(begin_s, frame * 0.04, "aa"), Phone(frame * 0.04, (frame + 2) * 0.04, "b")]
        gap[frame : frame + 2] = 0.0
        begin_s = (frame + 2) * 0.04
    return RealClip("clip", Path("clip.flac"), [*phones, Phone(begin_s, FRAMES * 0.04, "aa")], gap)


def heard(closed: float, vowel: float, snr_db: float) -> Heard:
    """A net that is as sure as that of closures, and of its vowels by .9."""
    opinions = np.tile(np.array([0.02, 0.95, 0.9, 0.0, 0.0], np.float32), (FRAMES, 1))
    for frame in CLOSED_AT:
        opinions[frame : frame + 2, 0], opinions[frame : frame + 2, 2] = closed, vowel
    weights = np.zeros((FRAMES, len(shapes.CHANNELS)), np.float32)
    weights[:, 0] = 0.3 + 0.02 * np.sin(np.arange(FRAMES))
    return Heard(weights, opinions, [Sound(-20.0, -20.0, 1.0, snr_db)] * FRAMES)


@pytest.mark.parametrize("closed", [0.9, 0.4, 0.25])
def test_closures_that_are_heard_close_the_lips(closed: float) -> None:
    config = mouth_config()
    clean = [heard(closed, 0.2, CLEAN_DB)]
    point = operating_point.choose([clip()], clean, [heard(0.9, 0.1, NOISY_DB)], config)
    assert set(point) == {"closed_from", "closed_full", "noise_ease"}
    chosen = MouthConfig.from_config({**{k: getattr(config, k) for k in config.__slots__}, **point})
    gap = operating_point.tracks([clip()], clean, chosen)[0].gap
    assert all(gap[frame : frame + 2].min() < 0.02 for frame in CLOSED_AT)
    assert gap[5:18].min() > 0.03


def test_doubt_in_noise_is_met_with_ease_and_not_with_a_lower_threshold_for_all() -> None:
    config = mouth_config()
    clean = [heard(0.8, 0.1, CLEAN_DB)]
    sure = operating_point.choose([clip()], clean, clean, config)
    doubtful = operating_point.choose([clip()], clean, [heard(0.35, 0.45, NOISY_DB)], config)
    assert sure["noise_ease"] < doubtful["noise_ease"]
