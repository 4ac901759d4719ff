"""Many runs at once: try configurations, repeat the best, teach students, average weights, keep the best on
held-out.

Runs are short and leave a GPU idle between kernels, so several processes share it. Weights of runs that
start from the same encoder can be averaged (model soups, Wortsman et al. 2022); a student that follows the
probabilities of all repeats of the best configuration (born-again networks, Furlanello et al. 2018) comes
near the ensemble.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from text_emotion.training.corpus import NAMES
from text_emotion.training.fit import Options, predict
from text_emotion.training.network import Classifier, load_pretrained
from text_emotion.training.scoring import sigmoid
from text_emotion.training.train import Workplace, run

_place: Workplace


def _prepare(model: Path, data: Path, device: str, limit: int) -> None:
    global _place
    torch.set_num_threads(1 if device.startswith("cuda") else 2)
    _place = Workplace(model, data, device, limit)


def _work(name: str, o: Options, scratch: Path, teacher_path: Path | None) -> dict[str, object]:
    teacher = None if teacher_path is None else np.load(teacher_path)
    model, figures = run(_place, o, teacher=teacher, log=lambda line: None)
    save_file(
        {n: t.detach().cpu().contiguous() for n, t in model.state_dict().items()},
        scratch / f"{name}.safetensors",
    )
    return {"name": name, **figures}


def candidates(base: Options, languages: tuple[str, ...]) -> dict[str, Options]:
    """The configurations the first stage compares, each with one thing changed; languages: of BRIGHTER."""
    return {
        "base": base,
        "slow": replace(base, lr=8e-5, epochs=base.epochs + 1),
        "fast": replace(base, lr=2.5e-4),
        "short": replace(base, epochs=max(base.epochs - 1, base.epochs / 2)),
        "long": replace(base, epochs=base.epochs + 2, lr=1e-4),
        "average": replace(base, average=0.999),
        "r_drop": replace(base, r_drop=1.0),
        "smooth": replace(base, smoothing=0.1),
        "focal": replace(base, focal=1.5),
        "rare": replace(base, rare_weight=0.3),
        "brighter": replace(base, brighter=languages),
        "large_batch": replace(base, batch=128, lr=base.lr * 1.5),
        "dropout": replace(base, dropout=0.2, epochs=base.epochs + 1),
        "no_phrases": replace(base, phrases=0),
    }


class _Stage:
    """Runs that are collected until a deadline; what has not begun by then is dropped and said."""

    def __init__(self, pool: ProcessPoolExecutor, scratch: Path, began: float) -> None:
        self.pool, self.scratch, self.began = pool, scratch, began
        self.results: list[dict[str, object]] = []

    def run(
        self, jobs: Iterable[tuple[str, Options]], deadline_s: float, teacher: Path | None = None
    ) -> list[dict[str, object]]:
        waiting: list[tuple[str, Future[dict[str, object]]]] = [
            (name, self.pool.submit(_work, name, o, self.scratch, teacher)) for name, o in jobs
        ]
        done = []
        for name, future in waiting:
            while not future.done():
                time.sleep(0.2)
                if time.monotonic() - self.began > deadline_s and future.cancel():
                    break
            if future.cancelled():
                print(f"{name}: not begun within {deadline_s:.0f} s", flush=True)
                continue
            result = future.result()
            seconds = time.monotonic() - self.began
            print(f"{seconds:5.0f} s  {name}: {_shown(result)}  {result['seconds']} s", flush=True)
            done.append(result)
        self.results += done
        return done

    def state(self, name: str) -> dict[str, torch.Tensor]:
        return load_file(self.scratch / f"{name}.safetensors")


def _shown(figures: dict[str, object]) -> str:
    keys = ("score", "held_out_macro_f1", "dev_macro_f1", "phrases_macro_f1")
    return " ".join(f"{key} {figures[key]:.4f}" for key in keys)


def combine(
    winners: list[tuple[str, float]], candidates_of_first: dict[str, Options], base: Options
) -> Options:
    """One configuration with every change that helped by itself, where the changes do not touch the same
    option.
    """
    score_of_base = dict(winners)["base"]
    result, touched = base, set()
    for name, score in sorted(winners, key=lambda w: -w[1]):
        if score <= score_of_base + 0.001 or name == "no_phrases":
            continue
        changed = {k: v for k, v in asdict(candidates_of_first[name]).items() if v != asdict(base)[k]}
        changed.pop("seed", None)
        if not touched & changed.keys():
            result = replace(result, **changed)
            touched |= changed.keys()
    return result


def _mean_scores(results: list[dict[str, object]]) -> list[tuple[str, float]]:
    """(configuration, mean score of its seeds), the best first; what was only to compare with is left out."""
    scores: dict[str, list[float]] = {}
    for result in results:
        scores.setdefault(str(result["name"]).rpartition("-")[0], []).append(result["score"])
    means = [(name, sum(values) / len(values)) for name, values in scores.items() if name != "no_phrases"]
    return sorted(means, key=lambda mean: -mean[1])


def _seeds(options: dict[str, Options], seeds: Iterable[int]) -> Iterator[tuple[str, Options]]:
    """Every configuration with the first seed, then with the next: a deadline costs repeats, not variety."""
    for seed in seeds:
        for name, o in options.items():
            yield f"{name}-{seed}", replace(o, seed=seed)


def sweep(
    model_folder: Path,
    data: Path,
    device: str,
    base: Options,
    *,
    languages: tuple[str, ...],
    jobs: int,
    budget_s: float,
    limit: int = 0,
) -> tuple[Classifier, dict[str, object]]:
    """The best classifier by `score` on the held-out slice, and a record of everything tried."""
    began = time.monotonic()
    place = Workplace(model_folder, data, device, limit)
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, context, _prepare, (model_folder, data, device, limit)) as pool,
    ):
        stage = _Stage(pool, Path(folder), began)
        first = candidates(base, languages)
        stage.run(_seeds(first, (base.seed, base.seed + 1)), 0.45 * budget_s)
        ranking = _mean_scores(stage.results)
        if not ranking:
            raise RuntimeError(f"no run was begun within {0.45 * budget_s:.0f} s: raise --budget-s")
        # Two ways on: the best single change, and all that helped together; both repeated with fresh seeds.
        best = first[ranking[0][0]]
        combined = combine(ranking, first, base) if "base" in dict(ranking) else best
        second = combined if combined != best else first[ranking[min(1, len(ranking) - 1)][0]]
        both = {"best": best, "second": second}
        repeats = stage.run(_seeds(both, range(base.seed + 10, base.seed + 14)), 0.7 * budget_s)
        chosen = _mean_scores(repeats)[0][0] if repeats else "best"
        group = [str(r["name"]) for r in repeats if str(r["name"]).startswith(chosen)]
        teachers = [str(r["name"]) for r in repeats] or [f"{ranking[0][0]}-{base.seed}"]
        students = [str(r["name"]) for r in _teach(stage, place, both[chosen], teachers, 0.95 * budget_s)]
        soups = {"soup-repeats": group, "soup-students": students, "soup-all": group + students}
        return _pick(stage, place, both[chosen], soups, {"ranking": ranking, "chosen_group": chosen})


def _assemble(place: Workplace, o: Options, state: dict[str, torch.Tensor]) -> Classifier:
    model = load_pretrained(place.model, len(NAMES), o.dropout)
    model.load_state_dict(state)
    return model.to(place.device).eval()


def _teach(
    stage: _Stage, place: Workplace, o: Options, teachers: list[str], deadline_s: float
) -> list[dict[str, object]]:
    """Students that learn from the mean probabilities of the teachers on the sentences they train on."""
    data = place.encoded(o)
    mean = np.mean(
        [
            sigmoid(
                predict(_assemble(place, o, stage.state(t)), data, device=place.device, precision=o.precision)
            )
            for t in teachers
        ],
        0,
    )
    path = stage.scratch / "teacher.npy"
    np.save(path, mean.astype(np.float32))
    variants = [
        replace(o, seed=o.seed + 20 + i, epochs=o.epochs + 1, teach=(0.7, 1.0)[i % 2]) for i in range(6)
    ]
    return stage.run(((f"student-{v.seed}", v) for v in variants), deadline_s, path)


def _pick(
    stage: _Stage, place: Workplace, o: Options, soups: dict[str, list[str]], record: dict[str, object]
) -> tuple[Classifier, dict[str, object]]:
    """Judge the soups beside the single runs and keep the best of all."""
    mixtures: dict[str, dict[str, torch.Tensor]] = {}
    results = list(stage.results)
    for name, members in soups.items():
        if len(members) < 2:
            continue
        parts = [stage.state(member) for member in members]
        mixtures[name] = {key: torch.stack([part[key] for part in parts]).mean(0) for key in parts[0]}
        figures = place.judge(_assemble(place, o, mixtures[name]), o)
        results.append({"name": name, "members": members, "options": asdict(o), **figures})
        print(f"{name}: {_shown(figures)}", flush=True)
    eligible = [r for r in results if not str(r["name"]).startswith("no_phrases")]
    best = max(eligible, key=lambda r: r["score"])
    name = str(best["name"])
    state = mixtures[name] if name in mixtures else stage.state(name)
    return _assemble(place, o, state), {"chosen": best, **record, "results": results}
