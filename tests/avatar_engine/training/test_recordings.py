from __future__ import annotations

from pathlib import Path

import numpy as np

from audio2expr import Audio2Expr
from audio2expr.features import BLOCK, N_FEATURES, ROWS, FrontEnd
from audio2expr.stream import LOOKAHEAD_BLOCKS
from avatar_engine.training.recordings import BASE, main
from tests.support.session_fakes import syllables


def test_a_session_is_recorded_as_its_stream_gives_it(tmp_path: Path) -> None:
    model = Audio2Expr.load(BASE)
    speech = syllables(1.2)[: 30 * BLOCK]
    padded = np.concatenate([speech, np.zeros(LOOKAHEAD_BLOCKS * BLOCK, np.float32)])
    front_end = FrontEnd.from_config(model._config)
    features = np.concatenate([front_end.push(block).features for block in padded.reshape(-1, BLOCK)])
    assert features.shape == ((30 + LOOKAHEAD_BLOCKS) * ROWS, N_FEATURES)
    folder = tmp_path / "examples"
    folder.mkdir()
    targets = np.zeros((30, 1 + max(model._config["mouth"]["channel_of"])), np.float32)
    np.savez(folder / "one.npz", frames=np.array([30]), features=features, weights=targets)

    main(["--examples", str(folder), "--out", str(tmp_path / "recordings.npz")])

    with np.load(tmp_path / "recordings.npz") as data:
        assert data["lengths"].tolist() == [30]
        assert tuple(data["names"]) == model.names
        stream = model.stream()
        streamed = np.concatenate([stream.push(speech).weights, stream.flush().weights])
        assert np.abs(data["heard"] - streamed).max() < 2e-3  # float16
        assert data["clean"].shape == streamed.shape
