"""One training run: options and sentences in, a trained classifier out. Knows no files and makes no choices
between runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from text_emotion.tokens import Tokens
from text_emotion.training.corpus import Sentences, with_names
from text_emotion.training.network import Classifier

LOG_EVERY = 50
"Steps."
SAVE_EVERY = 200
"Steps, where a checkpoint is asked for."


@dataclass(frozen=True)
class Options:
    """What may be varied between runs; each has its default here and nowhere else."""

    seed: int = 0
    epochs: float = 3.0
    lr: float = 1.5e-4
    "Peak rate of the encoder; linear warm-up, then linear to zero."
    head_lr: float = 1e-3
    embedding_lr_share: float = 0.33
    "Word embeddings learn slower: most words are rare."
    weight_decay: float = 0.01
    warm_up: float = 0.06
    "Share of the steps."
    batch: int = 64
    max_tokens: int = 64
    dropout: float = 0.1
    smoothing: float = 0.0
    "Labels become smoothing / 2 and 1 - smoothing / 2."
    focal: float = 0.0
    "Exponent of the focal loss; 0 is plain cross-entropy."
    rare_weight: float = 0.0
    "Positives of a class weigh (most frequent / its frequency) ** rare_weight."
    r_drop: float = 0.0
    "Weight of the disagreement between two dropout masks (R-Drop, Liang et al. 2021)."
    average: float = 0.0
    "Decay of an exponential average of the weights; 0 keeps the last step's."
    brighter: tuple[str, ...] = ()
    "Languages of BRIGHTER to add."
    phrases: int = 2
    "How often own sentences come in an epoch."
    precision: str = "bfloat16"
    "Of the products in the encoder, bfloat16 or float32; weights and optimizer stay in float32."
    teach: float = 0.0
    "Share of the loss that follows a teacher's probabilities instead of the labels."


class Encoded:
    """Sentences as tensors on the device, in two wordings: [NAME] kept, and first names in its place."""

    def __init__(
        self, sentences: Sentences, tokens: Tokens, device: str, *, names_seed: int | None = None
    ) -> None:
        wordings = [sentences.texts]
        if names_seed is not None:
            wordings.append(with_names(sentences.texts, names_seed))
        rows = [tokens.encode_all(texts) for texts in wordings]
        self.lengths = np.array([[len(r) for r in wording] for wording in rows])  # [wording, sentence]
        ids = np.zeros((*self.lengths.shape, -(-int(self.lengths.max(initial=1)) // 8) * 8), np.int64)
        for w, wording in enumerate(rows):
            for i, row in enumerate(wording):
                ids[w, i, : len(row)] = row
        self.ids = torch.from_numpy(ids).to(device)
        self.device_lengths = torch.from_numpy(self.lengths).to(device)
        self.labels = torch.from_numpy(sentences.labels).to(device)
        self.known = torch.from_numpy(sentences.known).to(device)

    def __len__(self) -> int:
        return self.lengths.shape[1]

    def inputs(self, wording: int, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """(ids, lengths, indices on the device) of the sentences `chosen`, cut to the longest."""
        longest, step = int(self.lengths[wording, chosen].max()), 8 if self.ids.is_cuda else 2
        width = min(-(-longest // step) * step, self.ids.shape[2])
        index = torch.from_numpy(chosen).to(self.ids.device, non_blocking=True)
        return self.ids[wording, index, :width], self.device_lengths[wording, index], index


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices of about equally long sentences, in random order, each once."""
    order = rng.permutation(len(lengths))
    groups = []
    for start in range(0, len(order), size * 50):
        pool = order[start : start + size * 50]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        groups += [pool[i : i + size] for i in range(0, len(pool), size)]
    for i in rng.permutation(len(groups)):
        yield groups[i]


def _autocast(device: str, precision: str) -> torch.autocast:
    if precision not in ("bfloat16", "float32"):
        raise ValueError(f"precision is {precision!r}, expected bfloat16 or float32")
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16")


def _loss(logits: Tensor, targets: Tensor, known: Tensor, positive_weight: Tensor, focal: float) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=positive_weight)
    if focal:
        right = torch.sigmoid(logits) * targets + torch.sigmoid(-logits) * (1 - targets)
        loss = loss * (1 - right).clamp_min(1e-6) ** focal
    return (loss * known).sum() / known.sum()


def _optimizer(model: Classifier, o: Options) -> torch.optim.AdamW:
    def group(rate: float, decay: float, match: Callable[[str, Tensor], bool]) -> dict[str, object]:
        chosen = [p for name, p in model.named_parameters() if match(name, p)]
        return {"params": chosen, "lr": rate, "weight_decay": decay}

    def body(name: str) -> bool:
        return not name.startswith(("head.", "embeddings.word"))

    groups = [
        group(o.lr * o.embedding_lr_share, 0.0, lambda name, p: name.startswith("embeddings.word")),
        group(o.head_lr, o.weight_decay, lambda name, p: name.startswith("head.")),
        group(o.lr, o.weight_decay, lambda name, p: body(name) and p.ndim > 1),
        group(o.lr, 0.0, lambda name, p: body(name) and p.ndim <= 1),
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


class _Average:
    """An exponential average of a model's weights; quick at first, so that the beginning is forgotten."""

    def __init__(self, model: Classifier, decay: float) -> None:
        self._decay, self.steps = decay, 0
        self.state = {name: p.detach().clone() for name, p in model.named_parameters()}

    def step(self, model: Classifier) -> None:
        self.steps += 1
        share = 1 - min(self._decay, self.steps / (self.steps + 10))
        torch._foreach_lerp_(list(self.state.values()), [p.detach() for p in model.parameters()], share)


def _targets(data: Encoded, o: Options, teacher: np.ndarray | None) -> Tensor:
    """What each logit should say, float [sentence, class]: labels, smoothed, and a teacher's opinion where
    it has one (not nan).
    """
    targets = data.labels * (1 - o.smoothing) + o.smoothing / 2
    if not o.teach:
        return targets
    if teacher is None:
        raise ValueError(f"teach is {o.teach} but there is no teacher")
    opinion = torch.from_numpy(teacher).to(targets.device)
    return torch.where(opinion.isnan(), targets, targets * (1 - o.teach) + opinion * o.teach)


def _step_loss(
    model: Classifier,
    data: Encoded,
    targets: Tensor,
    weight: Tensor,
    wording: int,
    chosen: np.ndarray,
    o: Options,
) -> Tensor:
    """The loss of one batch."""
    ids, lengths, index = data.inputs(wording, chosen)
    twice = 2 if o.r_drop else 1
    with _autocast(ids.device.type, o.precision):
        logits = model(ids.repeat(twice, 1), lengths.repeat(twice)).float()
    wanted, known = targets[index].repeat(twice, 1), data.known[index].repeat(twice, 1)
    loss = _loss(logits, wanted, known, weight, o.focal)
    if o.r_drop:
        first, second = logits.chunk(2)
        gap = (torch.sigmoid(first) - torch.sigmoid(second)) * (first - second)  # symmetric KL of Bernoullis
        loss = loss + o.r_drop * gap.mean()
    return loss


def _endless(data: Encoded, o: Options) -> Iterator[tuple[int, np.ndarray]]:
    """(wording, sentences) of batch after batch, epoch after epoch."""
    rng = np.random.default_rng(o.seed)
    while True:
        for chosen in batches(data.lengths[0], o.batch, rng):
            yield int(rng.integers(len(data.lengths))), chosen


class _Run:
    """What a checkpoint holds of a run, so that one that was cut off goes on as if it had not been."""

    def __init__(self, model: Classifier, o: Options, steps: int) -> None:
        self.model, self.o, self.steps, self.done = model, o, steps, 0
        self.optimizer = _optimizer(model, o)
        ramp = max(1, int(o.warm_up * steps))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: min((step + 1) / ramp, max(0.0, (steps - step) / max(1, steps - ramp))),
        )
        self.average = _Average(model, o.average) if o.average else None

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of `loss`."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        if self.average:
            self.average.step(self.model)
        self.done += 1

    def save(self, path: Path) -> None:
        """Write the checkpoint; the one before it stands until the new one is whole."""
        state = {
            "run": [asdict(self.o), self.steps],
            "done": self.done,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state if self.average else {},
            "random": torch.get_rng_state(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint. ValueError where it is of another run."""
        state = torch.load(path, weights_only=True)
        if state["run"] != [{**asdict(self.o), "brighter": state["run"][0]["brighter"]}, self.steps]:
            raise ValueError(f"{path}: is of a run with other options or data; delete it to begin anew")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.done = state["done"]
        if self.average:
            self.average.state, self.average.steps = state["average"], self.done
        torch.set_rng_state(state["random"])


def fit(
    model: Classifier,
    data: Encoded,
    o: Options,
    *,
    device: str,
    teacher: np.ndarray | None = None,
    checkpoint: Path | None = None,
    log: Callable[[str], None] = print,
) -> Classifier:
    """Train in place and return the model, in eval mode, with averaged weights if asked for.

    teacher: float32 [sentence, class] probabilities, nan where it has no opinion, used with o.teach.
    checkpoint: a file written every SAVE_EVERY steps; where it exists the run goes on from there. Same
    seed, same device: same result on the CPU.
    """
    torch.manual_seed(o.seed)
    model.to(device).train()
    targets = _targets(data, o, teacher)
    frequency = (data.labels * data.known).sum(0) / data.known.sum(0).clamp_min(1)
    weight = (frequency.max() / frequency.clamp_min(1e-4)) ** o.rare_weight
    state = _Run(model, o, max(1, math.ceil(o.epochs * len(data) / o.batch)))
    if checkpoint is not None and checkpoint.exists():
        state.restore(checkpoint)
        log(f"{checkpoint}: goes on from step {state.done}")
    running, counted = torch.zeros((), device=device), 0
    for wording, chosen in itertools.islice(_endless(data, o), state.done, state.steps):
        loss = _step_loss(model, data, targets, weight, wording, chosen, o)
        state.step(loss)
        running += loss.detach()
        counted += 1
        if state.done % LOG_EVERY == 0 or state.done == state.steps:
            log(f"step {state.done}/{state.steps} loss {running.item() / counted:.4f}")
            running.zero_()
            counted = 0
        if checkpoint is not None and state.done % SAVE_EVERY == 0:
            state.save(checkpoint)
    if state.average:
        model.load_state_dict(state.average.state, strict=True)
    return model.eval()


@torch.inference_mode()
def predict(
    model: Classifier, data: Encoded, *, device: str, precision: str = "bfloat16", batch: int = 256
) -> np.ndarray:
    """Logits float32 [sentence, class] of the first wording."""
    model.to(device).eval()
    order = np.argsort(data.lengths[0], kind="stable")
    result = np.zeros((len(data), model.head.out_features), np.float32)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        ids, lengths, _ = data.inputs(0, chosen)
        with _autocast(device, precision):
            result[chosen] = model(ids, lengths).float().cpu().numpy()
    return result
