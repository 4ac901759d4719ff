"""The one command that makes an avatar's weights from its frames: labels, rig, mattes, two trainings, export.

    python -m renderer.training.portrait --avatar ava --face-model FACE_MODEL --frames FRAMES \
        --work runs/ava --out renderer/weights/ava

FRAMES is what `python -m renderer.synthesis render --avatar ava` wrote (several folders may be named),
FACE_MODEL what its `convert` made of a copy of ICT-FaceKit and the grooms. The first training is supervised;
the second goes on from it with the texture loss, which is what makes skin, lashes and teeth crisp, and the
discriminator. Wall and mattes are fitted before, the teeth's textures and, with `--rest`, strands of hair
after. With `--start` it begins with the channels of trained weights that matter most instead of noise; hair
of a new person is fitted to its texture first. Steps that are already done in the work folder are not done
again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from renderer.synthesis import rig_labels
from renderer.training import export, layers, matte, polish, prune, rig, train

CANVAS_STEPS = 400
"Of a new person's hair, before the network learns."


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--avatar", required=True, help="a built-in avatar (ava) or the path of a recipe.json"
    )
    parser.add_argument("--name", help="name in the manifest (default: the avatar's)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--face-model", type=Path, help="folder written by renderer.synthesis convert")
    source.add_argument("--labels", type=Path, help="labels made before, by renderer.synthesis.rig_labels")
    parser.add_argument("--frames", type=Path, nargs="+", required=True, help="folders of rendered frames")
    parser.add_argument(
        "--report", type=Path, nargs="*", default=[], help="frames for the manifest's figures only"
    )
    parser.add_argument(
        "--rest", type=Path, nargs="*", default=[], help="frames of the face at rest, for strands of hair"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for labels, rig and runs")
    parser.add_argument("--out", type=Path, required=True, help="weights folder to write")
    parser.add_argument(
        "--start", type=Path, help="run or weights folder to begin with, pruned to the present widths"
    )
    parser.add_argument(
        "--new-face", action="store_true", help="--start is another person: keep how it moves, not its looks"
    )
    parser.add_argument(
        "--new-canvas", action="store_true", help="--start's hair and room are to be learned anew"
    )
    parser.add_argument("--minutes", type=float, nargs=2, default=(48.0, 27.0), help="of each training")
    parser.add_argument("--fulls", type=int, default=1, help="whole pictures in every other step (1)")
    parser.add_argument("--steps", type=int, default=1_000_000, help="of each training, at most")
    parser.add_argument("--network", choices=("full", "tiny"), default="full", help="tiny: for tests")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    options = parse(argv)
    options.work.mkdir(parents=True, exist_ok=True)
    rig_file, labels = options.work / "rig.safetensors", options.labels or options.work / "labels.npz"
    if not labels.exists():
        model = ["--avatar", options.avatar, "--face-model", str(options.face_model)]
        rig_labels.main([*model, "--out", str(labels)])
    if not rig_file.exists():
        rig.main(["--labels", str(labels), "--out", str(rig_file)])
    frames = [str(folder) for folder in options.frames]
    canvas = options.work / "canvas.npz"
    if not canvas.exists():
        steps = str(min(matte.STEPS, options.steps))
        matte.main(["--labels", str(labels), "--frames", *frames, "--out", str(canvas), "--steps", steps])
    common = ["--frames", *frames, "--rig", str(rig_file), "--device", options.device]
    common += ["--steps", str(options.steps), "--network", options.network, "--fulls", str(options.fulls)]
    runs = [options.work / "supervised", options.work / "sharp"]
    start = options.work / "start"
    if options.start and not start.exists():
        places = ["--frames", *frames, "--rig", str(rig_file), "--out", str(start)]
        person = ["--new-face"] * options.new_face
        prune.main(["--run", str(options.start), "--network", options.network, *places, *person])
        if options.new_face or options.new_canvas:
            steps = str(min(CANVAS_STEPS, options.steps))
            hair = ["--canvas", str(canvas), "--steps", steps]
            layers.main(["--run", str(start), "--frames", *frames, "--rig", str(rig_file), *hair])
    sharpen = ["--resume", str(runs[0]), "--texture", "1", "--adversarial", ".01", "--rate", "3e-4"]
    # what is trained already must not lose its texture while the rest is mended
    begin = ["--resume", str(start), "--texture", "1"] if options.start else []
    begin += ["--canvas", str(canvas)]
    extras = [begin, sharpen]
    for run, minutes, extra in zip(runs, options.minutes, extras, strict=True):
        if not (run / "done").exists():
            train.main([*common, "--out", str(run), "--minutes", str(minutes), *extra])
            (run / "done").touch()
    even = options.work / "even"
    if not even.exists():
        steps = str(min(polish.STEPS, options.steps))
        places = ["--frames", *frames, "--rig", str(rig_file), "--out", str(even), "--canvas", str(canvas)]
        rest = ["--rest", *map(str, options.rest)] if options.rest else []
        polish.main(["--run", str(runs[1]), "--steps", steps, *places, *rest])
    command = shlex.join(
        ["python", "-m", "renderer.training.portrait", *(sys.argv[1:] if argv is None else argv)]
    )
    arguments = [
        "--run",
        str(even),
        "--rig",
        str(rig_file),
        "--frames",
        *frames,
        "--out",
        str(options.out),
    ]
    arguments += ["--name", options.name or Path(options.avatar).stem, "--command", command]
    if options.report:
        arguments += ["--report", *map(str, options.report)]
    export.main(arguments)


if __name__ == "__main__":
    main()
