"""What the generator is trained to: losses as pure functions of pictures and features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def laplacian_loss(drawn: Tensor, truth: Tensor, weights: Tensor, levels: int = 4) -> Tensor:
    """Weighted Charbonnier distance on a Laplacian pyramid (Burt & Adelson 1983): every octave counts the
    same.

    drawn, truth [n, 3, h, w], -1..1; weights [n, 1, h, w]; scalar. A plain distance would leave the fine
    octaves, whose amplitudes are small, to the very end.
    """
    total = drawn.new_zeros(())
    for level in range(levels):
        error = drawn - truth
        if level < levels - 1:
            small_drawn, small_truth = F.avg_pool2d(drawn, 2), F.avg_pool2d(truth, 2)
            error = error - F.interpolate(small_drawn - small_truth, size=error.shape[-2:], mode="bilinear")
            drawn, truth = small_drawn, small_truth
        charbonnier = (error.square() + 1e-5).sqrt()
        total = total + (charbonnier * weights).sum() / (3 * weights.sum().clamp_min(1))
        weights = F.avg_pool2d(weights, 2)
    return total


def texture_loss(drawn: Tensor, truth: Tensor, weights: Tensor, levels: int = 2) -> Tensor:
    """Distance of local texture strength: mean |band| in windows of 8 cells, for the finest octaves.

    A pixelwise distance makes what it cannot place exactly (pores, lashes) smooth; this asks for its
    amplitude wherever it lies. The local-statistics idea of Amir & Weiss (2021), on Laplacian bands. Shapes
    as above.
    """
    total = drawn.new_zeros(())
    for _ in range(levels):
        small_drawn, small_truth = F.avg_pool2d(drawn, 2), F.avg_pool2d(truth, 2)
        strengths = [
            F.avg_pool2d((x - F.interpolate(y, size=x.shape[-2:], mode="bilinear")).abs(), 8, 4)
            for x, y in ((drawn, small_drawn), (truth, small_truth))
        ]
        area = F.avg_pool2d(weights, 8, 4)
        total = total + ((strengths[0] - strengths[1]).abs() * area).sum() / (3 * area.sum().clamp_min(1))
        drawn, truth, weights = small_drawn, small_truth, F.avg_pool2d(weights, 2)
    return total


def feature_matching(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean distance of the discriminator's features (Wang et al. 2018, pix2pixHD), each level scaled by its
    own size."""
    terms = [
        (f - r.detach()).abs().mean() / r.detach().abs().mean().clamp_min(1e-3)
        for f, r in zip(fake, real, strict=True)
    ]
    return torch.stack(terms).mean()


def gradient_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """R1 (Mescheder et al. 2018): squared gradient of D's mean logit at each real picture, mean over the
    batch."""
    (gradient,) = torch.autograd.grad(logits.mean((1, 2, 3)).sum(), pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()
