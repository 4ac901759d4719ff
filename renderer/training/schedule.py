"""How the rate of an optimizer falls in the small fits. Knows no network."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

LEAST = 0.02
"Of the first rate, what is left in the end."


def cosine(optimizer: Optimizer, steps: int) -> LambdaLR:
    """A rate that falls to LEAST of itself over so many steps, slowly at both ends; step it after each."""
    return LambdaLR(optimizer, lambda step: LEAST + (1 - LEAST) * (1 + math.cos(math.pi * step / steps)) / 2)
