"""The documented command, whole and tiny: from a made corpus to a weights folder that the runtime loads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio2expr import Audio2Expr
from audio2expr.features import cosine_basis
from audio2expr.training import batches, corpus, train
from avatar_engine.weights import verify

from .made_data import make_face_model, make_grid, make_session


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(weights folder, work folder) of one tiny training."""
    root = tmp_path_factory.mktemp("training")
    work = root / "work"
    (work / "corpus").mkdir(parents=True)
    corpus.save([make_session(i) for i in range(4)], work / "corpus" / "train_000.npz")
    corpus.save([make_session(9, "flite:new")], work / "corpus" / "held_out.npz")
    grid, face_model = make_grid(root / "grid"), make_face_model(root / "face.npz")
    options = {
        "--out": root / "weights", "--work": work, "--grid": grid, "--face-model": face_model,
        "--hours": 0.01, "--steps": 30, "--settle-steps": 4, "--quiet-sessions": 2, "--batch": 4,
    }  # fmt: skip
    train.main(["--tiny", *(str(part) for pair in options.items() for part in pair)])
    return root / "weights", work


@pytest.mark.slow
def test_the_command_makes_a_weights_folder_that_speaks(made: tuple[Path, Path]) -> None:
    folder, _ = made
    verify(folder)
    model = Audio2Expr.load(folder)
    stream = model.stream()
    sound = make_session(50).samples
    frames = np.concatenate([stream.push(sound).weights, stream.flush().weights])
    assert frames.shape == (-(-len(sound) // 640), len(model.names))


@pytest.mark.slow
def test_the_manifest_says_what_was_measured(made: tuple[Path, Path]) -> None:
    content = json.loads((made[0] / "manifest.json").read_text(encoding="utf-8"))
    assert {"r", "closure_recall", "false_closures_per_s"} <= content["metrics"]["mouth"][
        "grid_s1_odd"
    ].keys()
    assert "unweighted_recall_new_voices" in content["metrics"]["manner"]


@pytest.mark.slow
def test_the_loss_falls(made: tuple[Path, Path]) -> None:
    lines = [json.loads(line) for line in (made[1] / "first.jsonl").read_text(encoding="utf-8").splitlines()]
    first_stage = [line["loss"] for line in lines[:4]]
    assert first_stage[-1] < 0.8 * first_stage[0]


def test_a_face_model_with_other_lips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lip gaps differ"):
        train.check_gaps(make_face_model(tmp_path / "other.npz", error=0.01))


def test_formant_warps_keep_a_flat_spectrum_and_move_a_peak() -> None:
    scale = [2.0] * 24
    warps = batches.formant_warps(scale, 3)
    flat = np.zeros(24, np.float32)
    flat[0] = 1
    for matrix in warps:
        np.testing.assert_allclose(flat @ matrix, flat, atol=1e-3)
    np.testing.assert_allclose(warps[1], np.eye(24), atol=1e-3)
    basis = cosine_basis()
    peak = np.exp(-(((np.arange(40) - 20) / 3.0) ** 2)).astype(np.float32)
    places = [int(np.argmax((peak @ basis.T) @ m @ basis)) for m in warps]
    assert places[0] > places[1] > places[2] or places[0] < places[1] < places[2]
