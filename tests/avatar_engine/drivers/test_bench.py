from __future__ import annotations

import json

import numpy as np
import pytest

from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.config import RenderOptions
from avatar_engine.drivers import api, bench
from tests.support.film_fakes import SketchedModels

STAGES = {
    "start",
    "start_avatar",
    "text_sentence",
    "speech_frame",
    "motion_frame",
    "draw_frame",
    "encode_frame",
}


@pytest.fixture(autouse=True)
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "Models", SketchedModels)
    monkeypatch.setattr(bench, "SECONDS", 2)


@pytest.mark.parametrize("only_json", [True, False])
def test_the_last_line_is_json(only_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run(RenderOptions(size=256), only_json=only_json)
    lines = capsys.readouterr().out.splitlines()
    report = json.loads(lines[-1])
    assert set(report["ms"]) == STAGES and report["device"] == "a pencil" and report["size"] == 256
    assert report["render_x_real_time"] > 0 and report["peak_memory_mb"] > 10
    assert (len(lines) == 1) == only_json


def test_the_murmur_is_like_speech() -> None:
    samples = bench.murmur(3)
    assert samples.dtype == np.float32 and len(samples) == 3 * SAMPLE_RATE
    assert 0.05 < np.abs(samples).max() <= 1 and np.abs(samples).min() == 0
