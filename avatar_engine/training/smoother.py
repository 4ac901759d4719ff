"""Trains the causal LSTM smoother and writes its weights folder. Knows curves, no speech and no text.

    python -m avatar_engine.training.recordings --examples data/audio/examples --shards 14 --out heard.npz
    python -m avatar_engine.training.smoother --out avatar_engine/motion/weights/smoother \\
        --recordings heard.npz

The first line needs the shards that `audio2expr.training.train --work data/audio` leaves; without recordings
the net learns from curves that it makes itself, fits real speech less well (LOG.md), and needs nothing.

The net corrects its input by a bounded amount, out = in + .3 tanh(LSTM), with targets that are not delayed:
it learns to denoise in place, not to lag. Beside the weights it is judged on what is seen: the lip aperture
(linear in the weights), its speed, its acceleration, and, harder, on closures that open. Takes minutes on two
cores.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from avatar_engine.motion.lips import APERTURE, APERTURE_REST
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.training.curves import SMOOTHED_NAMES, Sequence, make_sequence, recorded_sequences
from avatar_engine.weights import write_manifest

LARGEST_CORRECTION = 0.3
OWN_CURVES = {"name": "curves synthesised by avatar_engine.training.curves", "licence": "Apache-2.0"}
RECORDED_CURVES = (
    {"name": "targets of audio2expr.training, and its net hearing them", "licence": "Apache-2.0"},
    {"name": "LJSpeech, as far as it is among those examples", "licence": "public domain"},
    {"name": "LibriSpeech, as far as it is among those examples", "licence": "CC BY 4.0"},
)
COMMAND = "python -m avatar_engine.training.smoother --out avatar_engine/motion/weights/smoother"
HELD_OUT_SEED = 1_000_000
CLOSED = 0.02
"An aperture below this looks closed (design/speech.md)."


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What a run depends on, besides the code."""

    sequences: int = 240
    frames: int = 250
    steps: int = 1500
    batch: int = 24
    hidden: int = 64
    learning_rate: float = 2e-3
    held_out: int = 60
    seed: int = 0
    threads: int = 1


class SmootherNet(nn.Module):
    """[batch, frames, names + 2] (weights, wanted aperture, valid) -> [batch, frames, names + 1], causal."""

    def __init__(self, names: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(names + 2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, names + 1)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.lstm(x)
        return x[..., :-1] + LARGEST_CORRECTION * torch.tanh(self.out(hidden))


def lip_aperture(smoothed: Tensor) -> Tensor:
    """Aperture of [..., names + 1]; [...]."""
    columns = [ARKIT_INDEX[name] for name in SMOOTHED_NAMES]
    coefficients = torch.tensor(APERTURE[columns], dtype=smoothed.dtype)
    return APERTURE_REST + smoothed[..., :-1] @ coefficients


def loss(out: Tensor, clean: Tensor, valid: Tensor) -> Tensor:
    """What is seen: weights, aperture, their speed and acceleration, closures that open or vowels that
    close."""
    certain = 0.4 + 0.6 * valid  # a gap can only be guessed
    error = out - clean
    total = (certain * error.square().mean(-1)).mean()
    total = total + 2.0 * error.diff(dim=1).square().mean() + 0.5 * error.diff(n=2, dim=1).square().mean()
    for got, want in ((lip_aperture(out), lip_aperture(clean)), (out[..., -1], clean[..., -1])):
        gap = (got - want) / 0.1
        total = total + 0.1 * (certain * gap.square()).mean() + 0.2 * gap.diff(dim=1).square().mean()
        total = total + 0.05 * gap.diff(n=2, dim=1).square().mean()
        closed = (want < CLOSED).to(out.dtype) * valid
        leak = torch.relu(got - want.clamp(min=0.006)) / 0.02
        total = total + 0.03 * (closed * (leak + leak.square())).mean()
    return total


def stack(sequences: list[Sequence]) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs [count, frames, names + 2], clean targets [count, frames, names + 1], validity [count,
    frames]."""
    noisy = np.stack([s.noisy for s in sequences])
    valid = np.stack([s.valid for s in sequences]).astype(np.float32)
    clean = np.stack([s.clean for s in sequences])
    inputs = np.concatenate([noisy, valid[..., None]], axis=-1)
    return torch.from_numpy(inputs), torch.from_numpy(clean), torch.from_numpy(valid)


def make_data(options: TrainingOptions, recordings: Path | None) -> tuple[list[Sequence], list[Sequence]]:
    """Sequences to learn from and held-out ones: synthesised, and recorded ones where there are any."""
    learn = [make_sequence(options.seed * 100_000 + i, options.frames) for i in range(options.sequences)]
    held_out = [make_sequence(HELD_OUT_SEED + i, options.frames) for i in range(options.held_out)]
    if recordings is not None:
        more, more_held_out = recorded_sequences(recordings, options.frames, options.seed)
        learn, held_out = learn + more, held_out + more_held_out
    return learn, held_out


def train(options: TrainingOptions, sequences: list[Sequence]) -> tuple[SmootherNet, list[float]]:
    """The trained net and its loss every hundred steps; the same options give the same net on one machine."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    inputs, clean, valid = stack(sequences)
    net = SmootherNet(len(SMOOTHED_NAMES), options.hidden)
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.learning_rate, weight_decay=1e-4)
    warm = max(1, min(100, options.steps // 10))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / options.steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    history = []
    for step in range(options.steps):
        chosen = torch.randint(len(inputs), (min(options.batch, len(inputs)),))
        value = loss(net(inputs[chosen]), clean[chosen], valid[chosen])
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step + 1 == options.steps:
            history.append(float(value.detach()))
            print(f"step {step} loss {history[-1]:.5f}", flush=True)
    return net.eval(), history


def jitter(curve: np.ndarray, clean: np.ndarray) -> float:
    """Root mean square of the acceleration of the error, 1/frame²: what is there beyond the movement
    itself."""
    return float(np.sqrt(np.mean(np.diff(curve - clean, n=2, axis=1) ** 2)))


def measure(net: SmootherNet, sequences: list[Sequence]) -> dict[str, float]:
    """Held-out sequences: jitter, closure depth, lag and gap error, before (raw) and after (smooth)."""
    inputs, clean, valid = stack(sequences)
    with torch.no_grad():
        smooth = net(inputs).clamp(-0.1, 1)
    truth = lip_aperture(clean).numpy()
    heard = valid.numpy() > 0
    found: dict[str, float] = {}
    for name, curve in (("raw", inputs[..., :-1]), ("smooth", smooth)):
        opening = lip_aperture(curve).numpy()
        closed = (truth < 0.008) & heard
        found[f"{name}_weight_jitter"] = jitter(curve[..., :-1].numpy(), clean[..., :-1].numpy())
        found[f"{name}_aperture_jitter"] = jitter(opening, truth)
        found[f"{name}_aperture_rmse"] = float(np.sqrt(np.mean((opening - truth)[heard] ** 2)))
        found[f"{name}_gap_rmse"] = float(np.sqrt(np.mean((opening - truth)[~heard] ** 2)))
        found[f"{name}_closure_depth"] = float(np.mean(opening[closed]))
        found[f"{name}_closures_below_02"] = float(np.mean(opening[closed] < CLOSED))
        found[f"{name}_best_offset_frames"] = float(best_offset(opening, truth))
    return {key: round(value, 5) for key, value in found.items()}


def best_offset(curve: np.ndarray, truth: np.ndarray) -> int:
    """Frames by which `curve` [n, frames] is late (negative: early) where it fits `truth` best."""
    span = 5

    def fit(offset: int) -> float:
        late = curve[:, span + offset : curve.shape[1] - span + offset].ravel()
        return float(np.corrcoef(late, truth[:, span : truth.shape[1] - span].ravel())[0, 1])

    return max(range(-span, span + 1), key=fit)


def export(net: SmootherNet, path: Path) -> None:
    """One step of the net as ONNX: x [1, names + 2], h, c [1, hidden] -> y [1, names + 1], h, c."""
    lstm, names, hidden = net.lstm, net.out.out_features, net.lstm.hidden_size
    constants = {
        "W": torch.cat([lstm.weight_ih_l0, lstm.weight_hh_l0], 1).T,  # [names + 1 + 1 + hidden, 4 hidden]
        "b": lstm.bias_ih_l0 + lstm.bias_hh_l0,
        "V": net.out.weight.T,
        "d": net.out.bias,
        "reach": torch.tensor([LARGEST_CORRECTION]),
    }
    weights = [numpy_helper.from_array(v.detach().numpy().copy(), k) for k, v in constants.items()]
    weights.append(numpy_helper.from_array(np.array([names, 1]), "parts"))
    make = helper.make_node
    nodes = [
        make("Concat", ["x", "h"], ["xh"], axis=1),
        make("Gemm", ["xh", "W", "b"], ["gates"]),
        make("Split", ["gates"], ["gi", "gf", "gg", "go"], axis=1, num_outputs=4),  # torch's order i, f, g, o
        *(make("Sigmoid", [f"g{k}"], [k]) for k in "ifo"),
        make("Tanh", ["gg"], ["g"]),
        make("Mul", ["f", "c"], ["kept"]),
        make("Mul", ["i", "g"], ["new"]),
        make("Add", ["kept", "new"], ["c_out"]),
        make("Tanh", ["c_out"], ["squashed"]),
        make("Mul", ["o", "squashed"], ["h_out"]),
        make("Gemm", ["h_out", "V", "d"], ["wish"]),
        make("Tanh", ["wish"], ["bounded"]),
        make("Mul", ["bounded", "reach"], ["correction"]),
        make("Split", ["x", "parts"], ["face", "valid"], axis=1),
        make("Add", ["face", "correction"], ["y"]),
    ]

    def port(name: str, size: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])

    graph = helper.make_graph(
        nodes,
        "smoother",
        [port("x", names + 1), port("h", hidden), port("c", hidden)],
        [port("y", names), port("h_out", hidden), port("c_out", hidden)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_folder(
    net: SmootherNet,
    folder: Path,
    options: TrainingOptions,
    metrics: dict[str, float],
    recorded: bool = False,
) -> None:
    """smoother.onnx and its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    export(net, folder / "smoother.onnx")
    names, changed = len(SMOOTHED_NAMES), TrainingOptions()
    arguments = " --recordings recordings.npz" if recorded else ""
    arguments += "".join(
        f" --{f.name.replace('_', '-')} {getattr(options, f.name)}"
        for f in fields(options)
        if getattr(options, f.name) != getattr(changed, f.name)
    )
    write_manifest(
        folder,
        ["smoother.onnx"],
        name="smoother",
        version="1.0",
        config={
            "kind": "smoother",
            "names": list(SMOOTHED_NAMES),
            "hidden": options.hidden,
            "frame_rate": 25,
        },
        inputs={"x": [1, names + 2], "h": [1, options.hidden], "c": [1, options.hidden]},
        outputs={"y": [1, names + 1], "h_out": [1, options.hidden], "c_out": [1, options.hidden]},
        data=[OWN_CURVES, *(RECORDED_CURVES if recorded else ())],
        training=asdict(options),
        metrics=metrics,
        command=f"{COMMAND}{arguments}",
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the weights folder to write")
    parser.add_argument("--recordings", type=Path, help="npz of avatar_engine.training.recordings")
    for field in fields(TrainingOptions):
        kind = type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    values = vars(parser.parse_args(arguments))
    folder, recordings = values.pop("out"), values.pop("recordings")
    options = TrainingOptions(**values)
    started = time.perf_counter()
    learn, held_out = make_data(options, recordings)
    net, _ = train(options, learn)
    metrics = measure(net, held_out)
    write_folder(net, folder, options, metrics, recordings is not None)
    print(f"{time.perf_counter() - started:.0f} s, {(folder / 'smoother.onnx').stat().st_size} bytes")
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
