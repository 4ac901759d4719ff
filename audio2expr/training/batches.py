"""What one step of training sees: random stretches of examples, cheaply varied. Knows features, no net."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from audio2expr.features import N_FEATURES, N_MELS, N_MFCC, ROWS, cosine_basis, mel_filters
from audio2expr.stream import LOOKAHEAD_BLOCKS
from audio2expr.training.dataset import Example

STARTS_SHARE = 0.3
"Of the stretches begin where a session does: the front end knows nothing of the voice yet."


WARPED_SHARE = 0.7
"Of the stretches have their formants moved."


@dataclass(frozen=True)
class Material:
    """What is learned from, and what is only looked at."""

    examples: list[Example]
    importance: np.ndarray
    "float [len(examples)]: how often a second of each is drawn, relative to the others."
    held_out: list[Example]
    scale: list[float]
    "What the front end divides cepstra by."


class Crops:
    """Random stretches of examples, as padded batches; a stretch may begin before its session, in the zeros
    a stream begins with."""

    def __init__(
        self,
        material: Material,
        window_rows: int,
        random: np.random.Generator,
        lookahead_blocks: int = LOOKAHEAD_BLOCKS,
    ) -> None:
        self.lookahead_blocks = lookahead_blocks
        self.examples, self.random = material.examples, random
        self.warps = formant_warps(material.scale)
        self.past_rows = window_rows - (1 + lookahead_blocks) * ROWS
        frames = np.array([len(e.closed) for e in self.examples], float) * material.importance
        self.share = frames / frames.sum()

    def batch(self, size: int, frames: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        picked = [
            self._crop(self.examples[i], frames)
            for i in self.random.choice(len(self.examples), size, p=self.share)
        ]
        rows = torch.from_numpy(np.stack([p[0] for p in picked]))
        return rows, {key: torch.from_numpy(np.stack([p[1][key] for p in picked])) for key in picked[0][1]}

    def _crop(self, example: Example, frames: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        n = len(example.closed)
        last = max(n - frames, 0)
        start = 0 if self.random.random() < STARTS_SHARE else int(self.random.integers(0, last + 1))
        stop = min(start + frames, n)
        target = {}
        for key in ("weights", "closed", "speech", "voiced", "phone"):
            part = getattr(example, key)[start:stop]
            target[key] = np.pad(part, [(0, frames - len(part))] + [(0, 0)] * (part.ndim - 1))
        target["known"] = np.pad(np.ones(stop - start, np.float32), (0, frames - (stop - start)))
        return self._rows(example, start, frames), target

    def _rows(self, example: Example, start: int, frames: int) -> np.ndarray:
        first, last = start * ROWS - self.past_rows, (start + frames + self.lookahead_blocks) * ROWS
        part = example.features[max(first, 0) : last].astype(np.float32)
        rows = np.pad(part, [(max(-first, 0), max(last - len(example.features), 0)), (0, 0)])
        return self._damage(rows)

    def _damage(self, rows: np.ndarray) -> np.ndarray:
        """Cheap variety: another size of head, colour of the channel and noise, and blanks now and then."""
        n = N_MFCC + 1  # slopes lie this far behind what they are slopes of
        if self.random.random() < WARPED_SHARE:
            warp = self.warps[int(self.random.integers(len(self.warps)))]
            rows[:, :N_MFCC] = rows[:, :N_MFCC] @ warp
            rows[:, n : n + N_MFCC] = rows[:, n : n + N_MFCC] @ warp
        rows[:, :N_MFCC] += self.random.normal(size=N_MFCC).astype(np.float32) * 0.15
        rows += self.random.normal(size=rows.shape).astype(np.float32) * 0.06
        if self.random.random() < 0.2:
            rows[:, -3:] = 0  # without absolute level and pitch
        if self.random.random() < 0.3:
            at = int(self.random.integers(0, len(rows) - 8))
            rows[at : at + int(self.random.integers(2, 8))] = 0
        return rows


def formant_warps(scale: list[float], count: int = 21, most: float = 0.12) -> list[np.ndarray]:
    """Matrices that move formants by -most .. +most in normalised cepstra (row @ matrix)."""
    basis, filters = cosine_basis().astype(float), mel_filters()
    centres = (filters * np.arange(filters.shape[1])).sum(axis=1) / filters.sum(axis=1)
    made = []
    for factor in np.linspace(1 - most, 1 + most, count):
        place = np.interp(centres * factor, centres, np.arange(N_MELS))
        low = np.minimum(place.astype(int), N_MELS - 2)
        spread = np.zeros((N_MELS, N_MELS))
        spread[np.arange(N_MELS), low] = 1 - (place - low)
        spread[np.arange(N_MELS), low + 1] += place - low
        matrix = basis @ spread @ basis.T  # cepstrum -> warped cepstrum, as columns
        made.append((np.array(scale)[:, None] * matrix.T / np.array(scale)[None]).astype(np.float32))
    return made


def two_heads(scale: list[float]) -> list[np.ndarray]:
    """The rows as from a head 5 % smaller and larger: the mean of both opinions is worth a hundredth of r."""
    made = []
    for warp in formant_warps(scale, 3, 0.05)[::2]:
        view = np.eye(N_FEATURES, dtype=np.float32)
        for at in (0, N_MFCC + 1):
            view[at : at + N_MFCC, at : at + N_MFCC] = warp
        made.append(view)
    return made
