"""Labels without pictures: where every point lies for thousands of random controls. Knows no renderer.

What the landmark rig is fitted on (`renderer.training.rig`): drawing a frame costs seconds, its labels a
millisecond.

    python -m renderer.synthesis.rig_labels --avatar ava --face-model FOLDER --out runs/labels.npz
"""

from __future__ import annotations

import numpy as np

from renderer.synthesis.camera import CAMERA
from renderer.synthesis.controls import LipGap, sample_controls
from renderer.synthesis.figure import Figure
from renderer.synthesis.fold_map import fold_map
from renderer.synthesis.frames import FrameRecord
from renderer.synthesis.hair_motion import hair_motion
from renderer.synthesis.labels import choose_points, farthest_points, project_points
from renderer.synthesis.names import ARKIT_NAMES
from renderer.synthesis.options import array_parser, make_arrays
from renderer.synthesis.tongue import TIP, UPPER_EDGE, WAY, WIDE_CM

BLADE_SHARE, BLADE_POINTS = 0.55, 14
"What of the tongue goes so far with its tip is its blade; how many points of it are labelled, first the tip."


def rig_labels(figure: Figure, seed: int, count: int) -> dict[str, np.ndarray]:
    """`count` random faces of one seed, the distribution of the rendered frames.

    controls float32 [n, 57]: 52 weights, head yaw, pitch, roll and gaze x, y in degrees; xy float32 [n,
    points, 2], pixels of the 512 picture, not rounded; group [points]; names [52], the order of the weights;
    tongue_share [14], tongue_steps [4], tongue_wide_px: see `renderer.tongue`.
    """
    points, lip_gap = choose_points(figure), LipGap.of(figure.model)
    near_tip = np.flatnonzero(figure.tongue.share > BLADE_SHARE)
    tip_first = np.array([TIP, *near_tip[near_tip != TIP]])
    blade = np.array(farthest_points(figure.vertices, tip_first, BLADE_POINTS))
    controls, positions = [], []
    for index in range(count):
        face = sample_controls(np.random.default_rng([seed, index]), lip_gap)
        record = FrameRecord.of("", "full", (0, 0, 512, 512), face, np.zeros((68, 2)))
        controls.append([*record.weights, *record.head_deg, *record.gaze_deg])
        way = CAMERA.project(figure.tongue_way(face.weights, face.head_deg))
        on_blade = figure.vertices_at(face.weights, face.head_deg, face.gaze_deg, blade)
        positions.append(
            np.concatenate([project_points(figure, points, record), CAMERA.project(on_blade), way])
        )
    return {
        "controls": np.array(controls, np.float32),
        "xy": np.array(positions, np.float32),
        "group": np.array([*points.groups, *["blade"] * len(blade), *["tongue_way"] * 3]),
        "tongue_share": figure.tongue.share[blade].astype(np.float32),
        "tongue_steps": np.array(WAY, np.float32),
        "tongue_wide_px": np.float32(_teeth_scale(figure) * WIDE_CM),
        "names": np.array(ARKIT_NAMES),
    }


def _teeth_scale(figure: Figure) -> float:
    """Pixels of a centimetre at the teeth."""
    here = figure.vertices[UPPER_EDGE]
    return float(np.linalg.norm(CAMERA.project(here + [0, 1, 0]) - CAMERA.project(here)))


def main(argv: list[str] | None = None) -> None:
    parser = array_parser(__doc__)
    parser.add_argument("--seed", type=int, default=7001)
    parser.add_argument("--count", type=int, default=16_000)
    options = parser.parse_args(argv)
    made = make_arrays(
        "rig_labels",
        options,
        lambda shop: (
            rig_labels(shop.figure(), options.seed, options.count)
            | fold_map(shop)
            | hair_motion(shop.figure())
        ),
    )
    np.savez(options.out, **made)
    print(f"{options.out}: {options.count} faces")


if __name__ == "__main__":
    main()
