"""What looking ahead is worth: the same net, taught the same way, hearing 0, 40, 80 or 120 ms beyond a frame.

    python -m audio2expr.training.lookahead --work data/audio --grid GRID [--steps 800] [--plot OUT.png]

Trains on examples that `audio2expr.training.train` left in --work; measures phones and closures on voices
that are never trained on, and the aperture against the lips of the even GRID clips, which no net here learned
from, though the levels of its targets (lips.json) are theirs. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from audio2expr.features import FrontEnd
from audio2expr.mouth import closure_evidence
from audio2expr.training import dataset
from audio2expr.training.batches import Material
from audio2expr.training.dataset import Example
from audio2expr.training.evaluate import Track, measure
from audio2expr.training.loop import Schedule, held_out_accuracy, train_mouth, whole_session
from audio2expr.training.net import MouthNet, NetConfig
from audio2expr.training.phones import PHONE_INDEX
from audio2expr.training.shapes import GAP_AT_REST, GAP_ROW
from audio2expr.training.targets import LipModel, RealClip, load_grid

BLOCKS = (0, 1, 2, 3)
MOST_BLOCKS = max(BLOCKS)
FALSE_SHARE = 0.01
"Of a vowel's frames that are heard as closed, at which closures are counted."


def heard(net: MouthNet, rows: np.ndarray, n_frames: int, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Aperture and evidence of closed lips of each frame, both float64 [n_frames]."""
    with torch.no_grad():
        mouth, opinions, _ = net(whole_session(net, rows, n_frames, ahead))
    said = torch.sigmoid(opinions[0]).numpy()
    evidence = np.array([closure_evidence(float(v[0]), float(v[2])) for v in said])
    return mouth[0].numpy() @ GAP_ROW + GAP_AT_REST, evidence


def closures_found(net: MouthNet, examples: list[Example], ahead: int) -> float:
    """Share of the closures in which some frame is surer than all but FALSE_SHARE of the vowels' frames."""
    surest: list[float] = []
    vowels: list[np.ndarray] = []
    for example in examples:
        _, evidence = heard(net, example.features, len(example.closed), ahead)
        closed = example.closed > 0.5
        edges = np.flatnonzero(np.diff(np.concatenate([[False], closed, [False]]).astype(int)))
        surest += [float(evidence[a:b].max()) for a, b in edges.reshape(-1, 2)]
        vowels.append(evidence[(example.voiced > 0.8) & ~closed])
    return float((np.array(surest) > np.quantile(np.concatenate(vowels), 1 - FALSE_SHARE)).mean())


def lips_followed(
    net: MouthNet, clips: list[RealClip], config: dict[str, list[float]], ahead: int
) -> tuple[float, float]:
    """Correlation with filmed lips inside speech, and with those of another clip."""
    tracks = []
    for clip in clips:
        samples, _ = soundfile.read(clip.samples_path, dtype="float32")
        rows = dataset.run_front_end(samples, FrontEnd.from_config(config), MOST_BLOCKS)
        gap, evidence = heard(net, rows, len(clip.gap), ahead)
        tracks.append(Track(clip.name, clip.phones, np.where(evidence > 0, 0.0, gap), clip.gap))
    found = measure(tracks)
    return found.r, found.r_mismatched


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of a training's examples")
    parser.add_argument("--grid", type=Path, required=True, help="filmed clips; the even ones are measured")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="a PNG of the table")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = json.loads((args.work / "front_end.json").read_text(encoding="utf-8"))
    files = sorted((args.work / "examples").glob("train_*.npz"))
    examples = [e for file in files for e in dataset.load(file)]
    held_out = dataset.load(args.work / "examples" / "held_out_0.npz")
    material = Material(examples, np.ones(len(examples)), held_out, config["scale"])
    closed_shape = LipModel.load().shapes()[PHONE_INDEX["b"]]
    table = []
    for ahead in BLOCKS:
        schedule = Schedule(steps=args.steps, lookahead_blocks=ahead)
        log = args.work / f"lookahead_{ahead}.jsonl"
        net = train_mouth(material, MouthNet(NetConfig()), schedule, closed_shape, log)
        r, mismatched = lips_followed(net, load_grid(args.grid, 0), config, ahead)
        line = {"ms": 40 * ahead, "r": r, "r_mismatched": mismatched}
        line |= {"closures": closures_found(net, held_out, ahead)}
        line |= {"phones": held_out_accuracy(net, held_out, ahead)["phones_right"]}
        table.append({key: round(value, 3) for key, value in line.items()})
        print(table[-1], flush=True)
    if args.plot:
        draw(table, args.plot)
    print(json.dumps(table))


def draw(table: list[dict[str, float]], path: Path) -> None:
    """The table as curves over the lookahead."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.4), layout="constrained")
    names = {
        "closures": f"closures found, {FALSE_SHARE:.0%} of vowel frames false",
        "r": "correlation with filmed lips",
        "phones": "phones named rightly",
    }
    for key, name in names.items():
        axes.plot([line["ms"] for line in table], [line[key] for line in table], "o-", label=name)
    axes.set_xticks([line["ms"] for line in table])
    axes.set(xlabel="lookahead, ms", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
