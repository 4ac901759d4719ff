"""Writes golden_controls.json: draws of the prototype scene, from which no later version may differ.

    SCENE_CACHE=/some/folder python make_golden_controls.py SCENE_FOLDER

SCENE_FOLDER is the prototype (sampling.py, prep_common.py) with its head model beside it; it needs scipy. The
tests do not run this: the frames of a seed are fixed for good, so the file is made once.
"""

import json
import sys
from pathlib import Path

import numpy as np

FRAMES = [(2001, 0), (2001, 1), (2001, 2), (2001, 17), (2002, 5), (1999, 3), (7, 11), (7, 12)]
FULL_SHARE = 0.18

sys.path.insert(0, sys.argv[1])
import sampling  # noqa: E402  (the prototype's)

golden = []
for seed, index in FRAMES:
    rng = np.random.default_rng([seed, index])
    weights, head_deg, gaze_deg = sampling.sample(rng)
    golden.append(
        {
            "seed": seed,
            "index": index,
            "full": bool(rng.random() < FULL_SHARE),
            "weights": {name: float(value) for name, value in weights.items() if value},
            "head_deg": head_deg,
            "gaze_deg": gaze_deg,
        }
    )
sampling.lip_gap({})
gap = {"rest_cm": sampling._GAP[""], "per_weight_cm": {k: v for k, v in sampling._GAP.items() if k and v}}
out = Path(__file__).with_name("golden_controls.json")
out.write_text(json.dumps({"full_share": FULL_SHARE, "lip_gap": gap, "frames": golden}, indent=1) + "\n")
