"""Do the lips of a drawn picture stand where they should? A small landmark network that learned them on
rendered frames reads them off pictures. Knows frames and a draw function.

    python -m renderer.training.lips --weights renderer/weights/ava --frames TRAINING --report HELD_OUT [...]

The network sees only the scene's own pictures while it learns, and is asked about drawn ones beside the true
ones: what it says of the truth is the yardstick of what it can tell at all. Aperture: mean distance of the
three pairs of inner lip points (61-67, 62-66, 63-65), in widths of the face (points 0 to 16).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from renderer.training.dataset import face_controls, read_labels

Float32 = NDArray[np.float32]

SIDE, MARGIN = 88, 8
"Pixels of the crop that the network sees; how far it is moved while it learns."
MOUTH = slice(48, 68)
PAIRS = ((61, 67), (62, 66), (63, 65))
CLOSED = 0.006
"Aperture, in widths of the face, up to which lips count as closed: about a pixel of 512."
MEET, ERRS = 0.016, 0.004
"""Aperture read off a true picture up to which its lips meet, and what the reading errs by: half a pixel.
Their points say less: those of lips at rest are .01 apart, since lips are soft and points lie inside."""
STEPS, BATCH, RATE = 1500, 48, 2e-3


class LipNet(nn.Module):  # type: ignore[misc]  # torch is not read by mypy
    """Grey crops [n, 1, 88, 88], mean 0 and deviation 1 -> 20 points [n, 20, 2], pixels of the crop."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 48, 64)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
            layers += [nn.Conv2d(outputs, outputs, 3, padding=1), nn.LeakyReLU(0.1)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Sequential(nn.Linear(64 * 6 * 6, 128), nn.LeakyReLU(0.1), nn.Linear(128, 40))

    def forward(self, crops: Tensor) -> Tensor:
        return SIDE / 2 + SIDE / 4 * self.head(self.body(crops)).view(-1, 20, 2)


def around_mouth(picture: NDArray[np.uint8], landmarks: Float32) -> tuple[Float32, Float32]:
    """A picture [h, w, 3] and its landmarks [68, 2] in its own pixels -> grey float32 [104, 104] around the
    mouth and the 20 lip points in it."""
    wide = SIDE + 2 * MARGIN
    corner = np.round(landmarks[MOUTH].mean(0) - wide / 2).astype(int)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    framed = cv2.copyMakeBorder(grey, *[wide] * 4, cv2.BORDER_REPLICATE)
    x, y = corner + wide
    crop = framed[y : y + wide, x : x + wide].astype(np.float32)
    return crop, (landmarks[MOUTH] - corner).astype(np.float32)


def level(crops: Tensor) -> Tensor:
    """Mean 0, deviation 1 each."""
    flat = crops.flatten(1)
    mean, deviation = flat.mean(1)[:, None, None], flat.std(1)[:, None, None]
    return ((crops - mean) / (deviation + 1e-3))[:, None]


def learn(crops: Float32, points: Float32, *, steps: int = STEPS, seed: int = 0) -> LipNet:
    """From crops [n, 104, 104] and their lip points [n, 20, 2], moved, blurred, lit and turned to noise."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = LipNet()
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    for _ in range(steps):
        batch, target = [], []
        for i in random.integers(0, len(crops), BATCH):
            x, y = random.integers(0, 2 * MARGIN + 1, 2)
            crop = crops[i, y : y + SIDE, x : x + SIDE]
            if random.random() < 0.5:
                crop = cv2.GaussianBlur(crop, (0, 0), random.uniform(0.3, 1.2))
            batch.append(crop + random.normal(0, random.uniform(0, 5), crop.shape).astype(np.float32))
            target.append(points[i] - np.array([x, y], np.float32))
        drawn = level(torch.from_numpy(np.stack(batch)))
        loss = F.smooth_l1_loss(net(drawn), torch.from_numpy(np.stack(target)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def read(net: LipNet, crops: Float32) -> Float32:
    """Crops [n, 104, 104] -> lip points [n, 20, 2] in them."""
    middle = torch.from_numpy(crops[:, MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE].copy())
    return np.asarray(net(level(middle)).numpy() + MARGIN, np.float32)


def apertures(points: Float32, face_widths: Float32) -> Float32:
    """Lip points [n, 20, 2] -> aperture [n] in widths of the face."""
    first, second = (points[:, [pair[k] - MOUTH.start for pair in PAIRS]] for k in (0, 1))
    return np.asarray(np.linalg.norm(first - second, axis=2).mean(1) / face_widths, np.float32)


def judge_lips(net: LipNet, weights: Path, rows: list[dict[str, Any]]) -> dict[str, float]:
    """What the network reads off true and drawn pictures of labelled frames."""
    from renderer.portrait import Portrait  # the product itself, not the training network

    portrait = Portrait.load(weights)
    true, drawn, points, widths = [], [], [], []
    for row in rows:
        x, y, w, h = row["box"]
        landmarks = np.asarray(row["landmarks68"], np.float32) - [x, y]
        picture = portrait.draw(*face_controls(row))[y : y + h, x : x + w, 2::-1]
        crop, lips = around_mouth(cv2.imread(str(row["path"])), landmarks)
        true.append(crop)
        points.append(lips)
        drawn.append(around_mouth(np.ascontiguousarray(picture), landmarks)[0])
        widths.append(np.linalg.norm(landmarks[0] - landmarks[16]))
    known, width = np.stack(points), np.array(widths, np.float32)
    said = apertures(known, width)
    closed = said < CLOSED
    out: dict[str, float] = {"frames": len(rows), "closed frames": int(closed.sum())}
    read_apertures: dict[str, Float32] = {}
    for name, crops in (("truth", true), ("drawn", drawn)):
        seen = read(net, np.stack(crops))
        aperture = read_apertures[name] = apertures(seen, width)
        out[f"{name} error px"] = float(np.linalg.norm(seen - known, axis=2).mean())
        out[f"{name} aperture r"] = float(np.corrcoef(aperture, said)[0, 1])
        out[f"{name} closed seen closed"] = share(aperture[closed] < 2 * CLOSED)
        out[f"{name} open seen closed"] = share(aperture[said > 4 * CLOSED] < 2 * CLOSED)
        out[f"{name} aperture"] = float(aperture.mean())
    meet = read_apertures["truth"] < MEET
    out["lips meet in the truth"] = int(meet.sum())
    out["of these drawn as well"] = share(read_apertures["drawn"][meet] < MEET + ERRS)
    out["drawn against truth r"] = float(np.corrcoef(*read_apertures.values())[0, 1])
    return {k: round(v, 4) for k, v in out.items()}


def share(said: NDArray[np.bool_]) -> float:
    """Of how many it is true; NaN where there are none."""
    return float(said.mean()) if len(said) else float("nan")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=Path, nargs="+", required=True, help="frames to learn lips from")
    parser.add_argument("--report", type=Path, nargs="+", required=True, help="frames to judge on")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args(argv)
    crops, points = [], []
    for row in read_labels(arguments.frames):
        landmarks = np.asarray(row["landmarks68"], np.float32) - row["box"][:2]
        crop, lips = around_mouth(cv2.imread(str(row["path"])), landmarks)
        crops.append(crop)
        points.append(lips)
    net = learn(np.stack(crops), np.stack(points), steps=arguments.steps)
    for folder in arguments.report:
        found = judge_lips(net, arguments.weights, read_labels([folder]))
        print(json.dumps({"frames of": folder.name, **found}))


if __name__ == "__main__":
    main()
