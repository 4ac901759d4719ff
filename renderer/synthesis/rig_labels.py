"""Labels without pictures: where every point lies for thousands of random controls. Knows no renderer.

What the landmark rig is fitted on (`renderer.training.rig`): drawing a frame costs seconds, its labels a
millisecond.

    python -m renderer.synthesis.rig_labels --avatar ava --face-model FOLDER --out runs/labels.npz
"""

from __future__ import annotations

import numpy as np

from renderer.synthesis.controls import LipGap, sample_controls
from renderer.synthesis.figure import Figure
from renderer.synthesis.fold_map import fold_map
from renderer.synthesis.frames import FrameRecord
from renderer.synthesis.hair_motion import hair_motion
from renderer.synthesis.labels import choose_points, project_points
from renderer.synthesis.names import ARKIT_NAMES
from renderer.synthesis.options import array_parser, make_arrays


def rig_labels(figure: Figure, seed: int, count: int) -> dict[str, np.ndarray]:
    """`count` random faces of one seed, the distribution of the rendered frames.

    controls float32 [n, 57]: 52 weights, head yaw, pitch, roll and gaze x, y in degrees; xy float32 [n,
    points, 2], pixels of the 512 picture, not rounded; group [points]; names [52], the order of the
    weights.
    """
    points, lip_gap = choose_points(figure), LipGap.of(figure.model)
    controls, positions = [], []
    for index in range(count):
        face = sample_controls(np.random.default_rng([seed, index]), lip_gap)
        record = FrameRecord.of("", "full", (0, 0, 512, 512), face, np.zeros((68, 2)))
        controls.append([*record.weights, *record.head_deg, *record.gaze_deg])
        positions.append(project_points(figure, points, record))
    return {
        "controls": np.array(controls, np.float32),
        "xy": np.array(positions, np.float32),
        "group": np.array(points.groups),
        "names": np.array(ARKIT_NAMES),
    }


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
