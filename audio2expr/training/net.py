"""The convolutional net in PyTorch, and its loss. Knows tensors; neither sound files nor phones' meaning."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio2expr.features import N_FEATURES, ROWS
from audio2expr.prosody import N_PROSODY
from audio2expr.training.phones import BITTEN, PHONES, PURSED
from audio2expr.training.shapes import CHANNELS, GAP_AT_REST, GAP_ROW

OPINIONS = ("closed", "speech", "voiced", "pursed", "bitten")
"""What the net gives a probability of: lips shut by p, b, m; somebody speaking; a vowel; lips of w and u; the
lower lip at the teeth for f and v."""
IS_PURSED = torch.tensor([float(name in PURSED) for name in PHONES])
IS_BITTEN = torch.tensor([float(name in BITTEN) for name in PHONES])


@dataclass(frozen=True)
class NetConfig:
    """Widths at 10, 20 and 40 ms a step, and the dilations of the residual layers at 20 ms."""

    narrow: int = 64
    middle: int = 128
    wide: int = 160
    dilations: tuple[int, ...] = (1, 2, 4, 3)
    dropout: float = 0.1

    @classmethod
    def tiny(cls) -> NetConfig:
        """For tests: a few thousand parameters, the full shape."""
        return cls(narrow=8, middle=8, wide=8, dilations=(1, 2), dropout=0.0)

    @property
    def window_rows(self) -> int:
        """Feature rows that one frame looks at."""
        steps = 4 + 2 * sum(self.dilations)
        return (steps - 1) * 2 + 4 + 4


class MouthNet(nn.Module):
    """Feature rows -> open-mouth weights, opinions and phones of each frame.

    No padding anywhere, so the net over a long stretch and over one window give the same frame.
    """

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Conv1d(N_FEATURES, config.narrow, 5)
        self.pair = nn.Conv1d(config.narrow, config.middle, 4, stride=2)
        self.layers = nn.ModuleList(
            nn.Conv1d(config.middle, config.middle, 3, dilation=d) for d in config.dilations
        )
        self.frame = nn.Conv1d(config.middle, config.wide, 4, stride=2)
        self.drop = nn.Dropout(config.dropout)
        self.mouth = nn.Conv1d(config.wide, len(CHANNELS), 1)
        self.opinions = nn.Conv1d(config.wide, len(OPINIONS), 1)
        self.phones = nn.Conv1d(config.wide, len(PHONES), 1)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """rows [batch, rows, N_FEATURES] -> weights [batch, frames, CHANNELS], logits [batch, frames,
        OPINIONS], phones [batch, frames, P]."""
        return self.read_out(self.hear(rows))

    def hear(self, rows: Tensor) -> Tensor:
        """rows [batch, rows, N_FEATURES] -> what was heard in each frame [batch, frames, wide]."""
        x = F.silu(self.rows(rows.transpose(1, 2)))
        x = F.silu(self.pair(x))
        for layer in self.layers:
            d = layer.dilation[0]
            x = x[..., d:-d] + F.silu(layer(self.drop(x)))
        return self.drop(F.silu(self.frame(x))).transpose(1, 2)

    def read_out(self, heard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, frames, wide] -> what forward() gives."""
        x = heard.transpose(1, 2)
        mouth, opinions, phones = (h(x).transpose(1, 2) for h in (self.mouth, self.opinions, self.phones))
        return F.softplus(mouth - 2), opinions, phones


class MannerNet(nn.Module):
    """Prosody statistics -> emotions and arousal, each 0..1."""

    def __init__(self, n_emotions: int, width: int = 12) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(N_PROSODY, width), nn.SiLU(), nn.Linear(width, n_emotions + 1))

    def forward(self, prosody: Tensor) -> Tensor:
        """[batch, N_PROSODY] -> logits [batch, n_emotions + 1]."""
        return self.layers(prosody)


@dataclass(frozen=True)
class LossWeights:
    """What each part of the loss counts."""

    channels: float = 1.0
    gap: float = 1.5
    speed: float = 0.6
    closed: float = 0.6
    speech: float = 0.3
    voiced: float = 0.15
    pursed: float = 0.2
    bitten: float = 0.2
    phones: float = 0.3
    missed_closure: float = 4.0
    "How much more a gap counts where the lips should meet."
    closed_positive: float = 2.0
    false_closure: float = 2.5
    """How much more a closure costs that is heard in a vowel: there a viewer takes it for a mistake, while
    beside another consonant it hardly shows."""


GAP_UNIT = 0.04
CHANNEL_UNIT = 0.12


def mouth_loss(
    outputs: tuple[Tensor, Tensor, Tensor],
    target: dict[str, Tensor],
    closed_shape: Tensor,
    weights: LossWeights,
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch and its parts. target: weights [b, t, c], closed, speech, voiced [b, t], phone [b,
    t], known [b, t]."""
    mouth, opinions, phones = outputs
    known = target["known"]
    total = known.sum()
    closed = torch.sigmoid(opinions[..., 0])[..., None]
    mixed = mouth + closed * (closed_shape - mouth)
    row = torch.as_tensor(GAP_ROW)
    gap, wanted = mixed @ row + GAP_AT_REST, target["weights"] @ row + GAP_AT_REST
    emphasis = 1 + target["closed"] * weights.missed_closure

    def mean(x: Tensor) -> Tensor:
        return (x * known).sum() / total

    both = known[:, 1:] * known[:, :-1]
    speed = ((gap.diff(dim=1) - wanted.diff(dim=1)) / GAP_UNIT) ** 2
    truth = {**target, "pursed": IS_PURSED[target["phone"]], "bitten": IS_BITTEN[target["phone"]]}
    positive = {"closed": torch.tensor(weights.closed_positive)}
    binary = {
        k: F.binary_cross_entropy_with_logits(
            opinions[..., i], truth[k], reduction="none", pos_weight=positive.get(k)
        )
        for i, k in enumerate(OPINIONS)
    }
    open_vowel = target["voiced"] * (1 - target["closed"])
    binary["closed"] = binary["closed"] * (1 + weights.false_closure * open_vowel)
    parts = {
        "channels": mean((((mixed - target["weights"]) / CHANNEL_UNIT) ** 2).mean(-1)),
        "gap": mean(((gap - wanted) / GAP_UNIT) ** 2 * emphasis),
        "speed": (speed * both).sum() / both.sum(),
        **{k: mean(v) for k, v in binary.items()},
        "phones": mean(
            F.cross_entropy(phones.transpose(1, 2), target["phone"], reduction="none", label_smoothing=0.05)
        ),
    }
    loss = torch.stack([value * getattr(weights, name) for name, value in parts.items()]).sum()
    return loss, {name: float(value.detach()) for name, value in parts.items()}


assert ROWS == 4, "the two strides of MouthNet make one frame of four rows"
