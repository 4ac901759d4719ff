"""Makes the weights of audio2expr, from texts to the manifest, in one command:

    python -m audio2expr.training.train --out audio2expr/weights/base --work data/audio \\
        --texts BRIGHTER/train --grid GRID --face-model ict_facekit.npz \\
        --read-speech LJSPEECH --untexted-speech LIBRISPEECH --prompts /usr/share/asterisk/sounds

Needs espeak-ng, flite and festival (Debian packages; see voices.py) and, for read speech, pocketsphinx. With
`--grid` the lip model, the read-out and the thresholds are fitted on its even clips; without it the fitted
lip model of the repository is used. Made corpora stay in `--work` and are used again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audio2expr.model import MOUTH_FILE
from audio2expr.mouth import MouthConfig
from audio2expr.training import corpus, dataset, manner, operating_point
from audio2expr.training.aligner import Aligner
from audio2expr.training.augment import quiet_session
from audio2expr.training.batches import Material, two_heads
from audio2expr.training.corpus import Session
from audio2expr.training.dataset import Example
from audio2expr.training.evaluate import measure
from audio2expr.training.export import export_manner, export_mouth, import_mouth
from audio2expr.training.filmed import LEAST_VOWEL_GAP, filmed_examples
from audio2expr.training.levels import cross_fitted, fit_readout
from audio2expr.training.loop import Schedule, train_mouth
from audio2expr.training.net import MouthNet, NetConfig
from audio2expr.training.phones import PHONE_INDEX
from audio2expr.training.prompts import load_prompts
from audio2expr.training.read_speech import load_read_speech, load_untexted_speech
from audio2expr.training.shapes import (
    ARKIT_NAMES,
    CHANNELS,
    GAP,
    GAP_AT_REST,
    PAIRED,
    gap_of_face_model,
    shape,
)
from audio2expr.training.targets import LIPS_FILE, LipModel, RealClip, fit, load_grid
from avatar_engine.weights import write_manifest

SETTLE_RATE = 0.5
"Learning rate of the second stage over that of the first."
TUNE_RATE = 1e-3
"Learning rate where the net begins as a trained one."
QUIET_IMPORTANCE, READ_VARIANTS = 2.5, 4
READ_IMPORTANCE = {"read": 3.0, "untexted": 4.0, "prompts": 1.2}
"How often extra material is drawn, against made speech; how many damaged copies of each reading there are."
HOLD = ("train_000", "train_005", "train_009")
"Shards that the aligner goes on hearing while it learns the voices of prompts."
FILMED_IMPORTANCE, FILMED_VARIANTS = 6.0, 6
ESPEAK_IMPORTANCE, NATURAL_IMPORTANCE = 0.6, 2.5


def train_both_stages(
    material: Material,
    extra: Material,
    net_config: NetConfig,
    closed_shape: np.ndarray,
    args: argparse.Namespace,
) -> MouthNet:
    """First the made speech alone, then at a lower rate with `extra`: silences and readers. With args.start
    the first stage is the one that made those weights."""
    first = Schedule(steps=args.steps, batch=args.batch, seed=args.seed, bfloat16=args.bfloat16)
    if args.start:
        net = import_mouth(args.start / MOUTH_FILE, net_config)
        second_rate = TUNE_RATE
    else:
        net = train_mouth(material, MouthNet(net_config), first, closed_shape, args.work / "first.jsonl")
        second_rate = first.learning_rate * SETTLE_RATE
    both = Material(
        material.examples + extra.examples,
        np.concatenate([material.importance, extra.importance]),
        material.held_out,
        material.scale,
    )
    second = replace(first, steps=args.settle_steps, learning_rate=second_rate, seed=args.seed + 1)
    if not args.settle_steps:
        return net
    return train_mouth(both, net, second, closed_shape, args.work / "second.jsonl")


def fit_to_lips(
    net: MouthNet,
    clips: list[RealClip],
    made: list[Example],
    config: dict[str, Any],
    closed_shape: np.ndarray,
) -> tuple[MouthNet, dict[str, Any]]:
    """The net with its read-out fitted on real lips, and how nets fitted on half of the clips do on the
    other; its thresholds, by the same cross-validation, into `config`. Both only on clips that the net
    itself has not learned from."""
    clean, noisy = cross_fitted(net, clips, made, config, closed_shape, two_heads(config["scale"]))
    unseen, said = clips[1::2], clean[1::2]
    start = MouthConfig.from_config(config["mouth"])
    config["mouth"] |= operating_point.choose(unseen, said, noisy[1::2], start)
    found = operating_point.tracks(unseen, said, MouthConfig.from_config(config["mouth"]))
    measured = operating_point.rounded(measure(found))
    return fit_readout(net, clips, made, config, closed_shape), {"grid_s1_even_cross_fitted": measured}


def anchors(examples: list[Example], count: int = 24) -> list[Example]:
    """Some made examples, evenly spread: they hold the shapes in place while the read-out is fitted."""
    return [examples[i] for i in np.unique(np.linspace(0, len(examples) - 1, count).astype(int))]


def naturalness(shard: Path) -> list[float]:
    """How much each session of a shard counts: statistics of real speakers more than rules."""
    with np.load(shard) as content:
        weights = {"espeak": ESPEAK_IMPORTANCE, "kokoro": NATURAL_IMPORTANCE}
        return [weights.get(str(key).split(":")[0], 1.0) for key in content["keys"]]


def extra_material(args: argparse.Namespace, front_end: dict[str, list[float]], lips: LipModel) -> Material:
    """Quiet sessions, and read speech if a folder of it is given, as examples of the second stage."""
    random = np.random.default_rng(args.seed)
    quiet = args.work / "corpus" / "quiet.npz"
    if not quiet.is_file():
        corpus.save([quiet_session(random) for _ in range(args.quiet_sessions)], quiet)
    files = dataset.make([quiet], args.work / "examples", front_end, lips, 1, args.seed)
    examples = [e for f in files for e in dataset.load(f)]
    importance = [QUIET_IMPORTANCE] * len(examples)
    sources: dict[str, tuple[Path | None, Callable[[Path], list[Session]]]] = {
        "read": (args.read_speech, load_read_speech),
        "untexted": (args.untexted_speech, load_untexted_speech),
        "prompts": (args.prompts, lambda sounds: _prompts(sounds, args)),
    }
    for name, (folder, load) in sources.items():
        if folder:
            shard = args.work / "corpus" / f"{name}.npz"
            if not shard.is_file():
                corpus.save(load(folder), shard)
            files = dataset.make([shard], args.work / "examples", front_end, lips, READ_VARIANTS, args.seed)
            spoken = [e for f in files for e in dataset.load(f)]
            examples += spoken
            importance += [READ_IMPORTANCE[name]] * len(spoken)
    if args.grid:
        teaching = load_grid(args.grid, 0)[::2]  # the others choose thresholds: fit_to_lips
        filmed = filmed_examples(teaching, front_end, lips, FILMED_VARIANTS, random)
        examples += filmed
        importance += [FILMED_IMPORTANCE] * len(filmed)
    return Material(examples, np.array(importance), [], front_end["scale"])


def _prompts(sounds: Path, args: argparse.Namespace) -> list[Session]:
    """The prompts to train on; the others go into a shard of their own, to be measured with."""
    made = [f for f in sorted((args.work / "corpus").glob("*_*.npz")) if f.stem[:5] in ("train", "natur")]
    aligner = Aligner.learn(s for f in made for s in corpus.load(f))
    held = [s for f in made if f.stem in HOLD for s in corpus.load(f)]
    taught, kept = load_prompts(aligner, held, sounds, args.prompts_text)
    corpus.save(kept, args.work / "corpus" / "held_out_prompts.npz")
    return taught


PURSED_GAP = 0.026
"""Lips of u and w (real ones: .035 in the middle, less at its end): a third of an open vowel, and far enough
from .02 that nothing takes them for a closure."""

BITTEN_GAP = 0.022
"Lips of f and v: real ones .021 in the median; just beyond .02, so that nothing takes them for a closure."


def base_config(
    front_end: dict[str, list[float]], net_config: NetConfig, closed_shape: np.ndarray
) -> dict[str, Any]:
    """The manifest's config, with an operating point that operating_point.choose() may move."""
    channel_of = [i for i, name in enumerate(CHANNELS) for _ in range(2 if name in PAIRED else 1)]
    mouth = {
        "window_rows": net_config.window_rows,
        "closed_from": 0.2,
        "closed_full": 0.4,
        "closed_shape": [round(float(v), 5) for v in closed_shape],
        "pursed_from": 0.3,
        "pursed_full": 0.5,
        "pursed_shape": [round(float(v), 5) for v in shape("uw", PURSED_GAP)],
        "bitten_from": 0.35,
        "bitten_full": 0.6,
        "bitten_shape": [round(float(v), 5) for v in shape("f", BITTEN_GAP)],
        "channel_of": channel_of,
        "speech_on": 0.5,
        "speech_off": 0.35,
        "hold_frames": 3,
        "noise_margin_db": 6.0,
        "noise_ease": 0.6,
        "gap_row": [GAP[name] for name in CHANNELS],
        "gap_at_rest": GAP_AT_REST,
        "least_vowel_gap": LEAST_VOWEL_GAP,
    }
    return {"names": list(ARKIT_NAMES), "emotion_names": list(manner.EMOTIONS), "mouth": mouth, **front_end}


DATA = [
    {"name": "synthetic speech (espeak-ng, flite, Festival)", "licence": "made by the project itself"},
    {"name": "BRIGHTER (SemEval-2025 task 11), the sentences spoken", "licence": "CC BY 4.0"},
    {"name": "GRID, speaker 1, even clips: times and levels of lips, thresholds", "licence": "CC BY 4.0"},
    {"name": "LJSpeech LJ001-0001..0032, in the second stage", "licence": "public domain"},
    {"name": "LibriSpeech, six utterances of five readers, in the second stage", "licence": "CC BY 4.0"},
    {"name": "asterisk-core-sounds-{en,es,fr,it,ru}, three prompts of four", "licence": "CC BY-SA 3.0"},
    {"name": "Kokoro-82M's voices and mixtures of them, speaking", "licence": "Apache-2.0"},
    {"name": "ICT-FaceKit: lip gap of each shape", "licence": "MIT"},
]  # fmt: skip


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="weights folder to write")
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and logs")
    parser.add_argument("--texts", type=Path, help="folder of <language>.csv with a column `text`")
    parser.add_argument("--grid", type=Path, help="folder with lips.json, phones.json and NAME.flac")
    parser.add_argument(
        "--save-lips", action="store_true", help="keep the lips fitted on --grid for runs without"
    )
    parser.add_argument(
        "--face-model", type=Path, help=".npz of ICT-FaceKit, to check the lip gaps of shapes.py"
    )
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--variants", type=int, default=1, help="damaged copies of each session")
    parser.add_argument("--steps", type=int, default=Schedule.steps)
    parser.add_argument("--batch", type=int, default=Schedule.batch)
    parser.add_argument("--settle-steps", type=int, default=2400, help="steps of the second stage")
    parser.add_argument("--quiet-sessions", type=int, default=60, help="of 8 s, in which nobody speaks")
    parser.add_argument("--untexted-speech", type=Path, help="folder of .flac and .ogg without texts")
    parser.add_argument("--read-speech", type=Path, help="folder of read speech in LJSpeech's layout")
    parser.add_argument("--start", type=Path, help="weights folder to train on from, instead of stage one")
    parser.add_argument("--natural-minutes", type=float, default=0.0, help="of Kokoro's voices")
    parser.add_argument("--prompts", type=Path, help="folder of asterisk-core-sounds-*-g722's voices")
    parser.add_argument(
        "--prompts-text", type=Path, default=Path("/usr/share/doc"), help="folder of those packages' texts"
    )
    parser.add_argument("--bfloat16", action="store_true", help="for processors that have it")
    parser.add_argument("--tiny", action="store_true", help="a net of a few thousand parameters, for tests")
    parser.add_argument("--seed", type=int, default=Schedule.seed)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", default="base")
    parser.add_argument("--version", default="1.0")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.face_model:
        check_gaps(args.face_model)
    lips = fit(load_grid(args.grid, 0)) if args.grid else LipModel.load()
    if args.save_lips:
        save_lips(lips)
    shards = corpus.make(args.work / "corpus", args.hours, args.texts, args.seed)
    if args.natural_minutes:
        shards += corpus.make_natural(args.work / "corpus", args.natural_minutes, args.texts, args.seed)
    front_end = _front_end_constants(args, shards[0])
    files = dataset.make(shards, args.work / "examples", front_end, lips, args.variants, args.seed)
    held_out = [e for f in files if f.stem.startswith("held_out") for e in dataset.load(f)]
    examples = [e for f in files if not f.stem.startswith("held_out") for e in dataset.load(f)]
    spoken = [s for s in shards if not s.stem.startswith("held_out")]
    importance = np.array([v for s in spoken for v in naturalness(s) * args.variants])
    net_config = NetConfig.tiny() if args.tiny else NetConfig()
    closed_shape = lips.shapes()[PHONE_INDEX["b"]]
    material = Material(examples, importance, held_out, front_end["scale"])
    net = train_both_stages(material, extra_material(args, front_end, lips), net_config, closed_shape, args)
    config = base_config(front_end, net_config, closed_shape)
    facts: dict[str, Any] = {"parameters": sum(p.numel() for p in net.parameters())}
    if args.grid:
        clips = load_grid(args.grid, 0)
        net, measured = fit_to_lips(net, clips, anchors(examples), config, closed_shape)
        facts |= measured
    export_mouth(net, args.out / "mouth.onnx", two_heads(front_end["scale"]))
    finish(args, config, shards, facts)


def finish(
    args: argparse.Namespace, config: dict[str, Any], shards: list[Path], facts: dict[str, Any]
) -> None:
    """Train the manner net on what the mouth net hears, measure, and write the manifest."""
    manner_net, manner_metrics = manner.train(shards, args.out / "mouth.onnx", config, args.seed)
    export_manner(manner_net, args.out / "manner.onnx")
    metrics: dict[str, Any] = {"manner": manner_metrics, **facts}
    shown = [a for a in sys.argv[1:]] if sys.argv[0].endswith("train.py") else []
    fields = {
        "name": args.name,
        "version": args.version,
        "config": config,
        "inputs": {
            "mouth.onnx": "rows float32 [1, window_rows, N_FEATURES]",
            "manner.onnx": "prosody float32 [1, N_PROSODY]",
        },
        "outputs": {
            "mouth.onnx": "weights [1, channels]; probabilities of closed lips, speech, vowel [1, 3]",
            "manner.onnx": "emotions and arousal",
        },
        "data": DATA,
        "command": " ".join(["python -m audio2expr.training.train", *shown]),
    }
    files = ["mouth.onnx", "manner.onnx"]
    write_manifest(args.out, files, metrics=metrics, **fields)
    metrics["mouth"] = operating_point.report(args.out, args.grid, shards)
    write_manifest(args.out, files, metrics=metrics, **fields)
    print(json.dumps(metrics))


def check_gaps(face_model: Path) -> None:
    """ValueError where shapes.py's lip gaps are not those of the face model."""
    rest, gaps = gap_of_face_model(face_model)
    worst = max(abs(rest - GAP_AT_REST), *(abs(gaps[name] - GAP[name]) for name in CHANNELS))
    if worst > 1e-3:
        raise ValueError(
            f"{face_model}: lip gaps differ by {worst:.4f} from those in shapes.py: write {rest:.5f}, {gaps} "
            f"there"
        )


def _front_end_constants(args: argparse.Namespace, shard: Path) -> dict[str, list[float]]:
    """Of the weights that the net begins as, or measured on the first shard."""
    if args.start:
        config = json.loads((args.start / "manifest.json").read_text(encoding="utf-8"))["config"]
        return {key: config[key] for key in ("prior_mean", "scale")}
    path = args.work / "front_end.json"
    if not path.is_file():
        path.write_text(json.dumps(dataset.normalisation(corpus.load(shard)[:20])), encoding="utf-8")
    content: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save_lips(lips: LipModel, path: Path = LIPS_FILE) -> None:
    path.write_text(json.dumps(lips.to_json(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
