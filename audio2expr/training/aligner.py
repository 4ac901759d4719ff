"""Speech and the phones it says, in order -> when each is said, in any language. Knows sound and phones, no
dictionary.

A small network that hears both ways tells the phones of made speech, whose times are known, apart; Viterbi's
best path through the phones of an utterance places them (hybrid recognition, Bourlard & Morgan 1994). A real
voice is then learned from its own alignments, and aligned again (Viterbi training), so that the voice of a
language that no synthesiser speaks well is no stranger.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio2expr.features import HOP, N_MELS, POWER_FLOOR, PRE_EMPHASIS, SAMPLE_RATE, WINDOW, mel_power
from audio2expr.training.corpus import Session
from audio2expr.training.phones import PHONE_INDEX, PHONES, SILENCE, Phone

STEP_S = HOP / SAMPLE_RATE
LEAST_ROWS = 2
"A phone takes at least so many steps of 10 ms; halves of diphthongs and taps are short."
CHUNK = 256
"Rows of a training example: 2.56 s."
PRIOR_SHARE = 0.6
"How far posteriors are divided by the priors; 1 would be a likelihood, which favours rare phones too much."


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Mel spectrum in decibels around every hundredth of a second, less its mean over the loud half and
    scaled; samples float32 [n] at 16 kHz, returns float32 [n // HOP, N_MELS]."""
    emphasised = np.append(samples[:1], samples[1:] - PRE_EMPHASIS * samples[:-1]).astype(np.float32)
    margin = (WINDOW - HOP) // 2
    padded = np.pad(emphasised, (margin, WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: len(samples) // HOP]
    decibels = 10 * np.log10(mel_power(windows) + POWER_FLOOR)
    loudness = decibels.mean(axis=1)
    loud = decibels[loudness >= np.median(loudness)]
    return np.asarray((decibels - loud.mean(axis=0)) / 20, np.float32)


def labels_of(phones: Iterable[Phone], n_rows: int) -> np.ndarray:
    """The phone in the middle of each row, as numbers of PHONES; int64 [n_rows], silence where none is."""
    labels = np.full(n_rows, PHONE_INDEX[SILENCE])
    for phone in phones:
        first, last = (round(t / STEP_S) for t in phone[:2])
        labels[max(first, 0) : max(last, 0)] = PHONE_INDEX[phone.name]
    return labels


class PhoneNet(nn.Module):
    """Mel rows -> logits of PHONES, from 0.15 s on either side."""

    def __init__(self, width: int = 160) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for inside, dilation in ((N_MELS, 1), (width, 2), (width, 4)):
            self.layers.append(nn.Conv1d(inside, width, 5, padding=2 * dilation, dilation=dilation))
            self.layers.append(nn.GELU())
        self.layers.append(nn.Conv1d(width, len(PHONES), 1))

    def forward(self, rows: Tensor) -> Tensor:
        """rows float [batch, time, N_MELS] -> float [batch, time, PHONES]."""
        result: Tensor = self.layers(rows.transpose(1, 2)).transpose(1, 2)
        return result


class Heard:
    """Sessions as mel rows with their phones, drawn in chunks whose channel is varied."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        rows, labels = [], []
        for session in sessions:
            mel = log_mel(session.samples)
            if len(mel) >= CHUNK:
                rows.append(mel)
                labels.append(labels_of(session.phones, len(mel)))
        self.rows, self.labels = rows, labels
        self.share = np.array([len(r) for r in rows], np.float64) / max(1, sum(len(r) for r in rows))

    def draw(self, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        rows = np.empty((count, CHUNK, N_MELS), np.float32)
        labels = np.empty((count, CHUNK), np.int64)
        for k, i in enumerate(random.choice(len(self.rows), count, p=self.share)):
            start = random.integers(len(self.rows[i]) - CHUNK + 1)
            rows[k] = self.rows[i][start : start + CHUNK]
            labels[k] = self.labels[i][start : start + CHUNK]
        bands = np.linspace(-1, 1, N_MELS, dtype=np.float32)
        tilt, bend, floor = random.normal(0, (0.15, 0.1, 0.4), (count, 3)).T.astype(np.float32)
        rows += (tilt[:, None] * bands + bend[:, None] * bands**2)[:, None]
        quiet = (-2.5 + floor)[:, None, None]  # a noise floor some 50 dB under the voice
        return np.logaddexp(rows * 4.6, quiet * 4.6).astype(np.float32) / np.float32(4.6), labels


class Aligner:
    """A phone recogniser that is told what was said."""

    def __init__(self, net: PhoneNet, log_prior: np.ndarray) -> None:
        self.net, self.log_prior = net, log_prior

    @classmethod
    def learn(
        cls, sessions: Iterable[Session], *, steps: int = 1500, seed: int = 0, width: int = 160
    ) -> Aligner:
        """From speech whose phones have times."""
        torch.manual_seed(seed)
        heard = Heard(sessions)
        counts = np.bincount(np.concatenate(heard.labels), minlength=len(PHONES)) + 1.0
        aligner = cls(PhoneNet(width), np.log(counts / counts.sum()))
        aligner._train([heard], steps, 2e-3, seed)
        return aligner

    def adapted(
        self, made: Heard, recordings: Sequence[tuple[np.ndarray, list[list[str]]]], *, steps: int = 300
    ) -> Aligner:
        """Another aligner, that knows a voice from two rounds of its own alignments; `made` speech keeps it
        from believing its own mistakes."""
        result = Aligner(copy.deepcopy(self.net), self.log_prior)
        for round_ in range(2):
            aligned = (
                Session("", samples, result.align(samples, words), []) for samples, words in recordings
            )
            own = Heard(s for s in aligned if s.phones)
            result._train([made, own], steps, 7e-4, round_)
        return result

    def _train(self, sources: list[Heard], steps: int, rate: float, seed: int) -> None:
        random = np.random.default_rng(seed)
        optimizer = torch.optim.AdamW(self.net.parameters(), rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
        self.net.train()
        for _ in range(steps):
            parts = [source.draw(24 // len(sources), random) for source in sources]
            rows, labels = (torch.from_numpy(np.concatenate(p)) for p in zip(*parts, strict=True))
            loss = F.cross_entropy(self.net(rows).flatten(0, 1), labels.flatten(), label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        self.net.eval()

    @torch.inference_mode()
    def log_likelihoods(self, samples: np.ndarray) -> np.ndarray:
        """Of each phone in each row, up to a number a row; float64 [rows, PHONES]."""
        logits = self.net(torch.from_numpy(log_mel(samples))[None])[0]
        posterior = torch.log_softmax(logits, -1).double().numpy()
        return np.asarray(posterior - PRIOR_SHARE * self.log_prior)

    def align(self, samples: np.ndarray, words: list[list[str]]) -> list[Phone]:
        """Canonical phones with times, from 0 to the end of 16 kHz speech, with silence where it is heard
        between words; empty where the speech is too short for its words."""
        names, optional = [SILENCE], [True]
        for word in words:
            names += [*word, SILENCE]
            optional += [False] * len(word) + [True]
        path = best_path(self.log_likelihoods(samples), [PHONE_INDEX[n] for n in names], optional)
        if path is None:
            return []
        starts = np.flatnonzero(np.diff(path, prepend=-1))
        ends = [*(starts[1:] * STEP_S), len(samples) / SAMPLE_RATE]
        return [
            Phone(float(start * STEP_S), float(end), names[path[start]])
            for start, end in zip(starts, ends, strict=True)
        ]

    def misfit(self, samples: np.ndarray, phones: Sequence[Phone]) -> float:
        """How much less likely, in nats a row that is not silent, aligned phones are than the likeliest ones;
        near 0 where the voice says what it was told."""
        scores = self.log_likelihoods(samples)
        told = labels_of(phones, len(scores))
        spoken = told != PHONE_INDEX[SILENCE]
        less = scores.max(axis=1) - scores[np.arange(len(scores)), told]
        return float(less[spoken].mean()) if spoken.any() else np.inf


def best_path(scores: np.ndarray, phones: Sequence[int], optional: Sequence[bool]) -> np.ndarray | None:
    """Viterbi: the likeliest way through `phones`, in order, each at least LEAST_ROWS long, where `optional`
    ones (never two in a row) may be left out.

    scores: float [rows, kinds]; returns int [rows], the position in `phones` of each row, or None where
    there are too few rows.
    """
    of = np.repeat(np.arange(len(phones)), LEAST_ROWS)
    kind = np.asarray(phones)[of]
    n = len(of)
    is_last = np.arange(n) % LEAST_ROWS == LEAST_ROWS - 1
    may_skip = np.zeros(n, bool)  # into the first part of a phone whose neighbour before may be left out
    for i in range(2, len(phones)):
        may_skip[i * LEAST_ROWS] = optional[i - 1]
    before_skipped = np.maximum(np.arange(n) - LEAST_ROWS - 1, 0)
    best = np.full(n, -np.inf)
    best[0] = scores[0, kind[0]]
    if optional[0] and len(phones) > 1:
        best[LEAST_ROWS] = scores[0, kind[LEAST_ROWS]]
    came = np.zeros((len(scores), n), np.int32)
    here = np.arange(n)
    for t in range(1, len(scores)):
        ways = np.stack(
            [
                np.where(is_last, best, -np.inf),
                np.append(-np.inf, best[:-1]),
                np.where(may_skip, best[before_skipped], -np.inf),
            ]
        )
        choice = ways.argmax(axis=0)
        came[t] = np.choose(choice, [here, here - 1, before_skipped])
        best = ways[choice, here] + scores[t, kind]
    ends = [n - 1] + ([n - 1 - LEAST_ROWS] if optional[-1] and len(phones) > 1 else [])
    state = max(ends, key=lambda e: best[e])
    if not np.isfinite(best[state]):
        return None
    path = np.empty(len(scores), np.int64)
    for t in range(len(scores) - 1, -1, -1):
        path[t] = of[state]
        state = came[t, state]
    return path
