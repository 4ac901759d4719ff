"""The tongue of ICT-FaceKit's head, which has no shape for it: `tongueOut` lifts it, then puts it out.

Up to RAISED the tip rises from where it lies to the back of the upper teeth, where l, t, d and n are made;
then it goes between the teeth, as for th, and over the lower lip. Its way is fixed to the skull: a tongue at
the teeth stays there while the jaw moves. No farther out than the teeth are apart. Knows the head model, no
picture.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from renderer.synthesis.face_model import FaceModel
from renderer.synthesis.geometry import Array, smoothstep

RAISED = 0.4
"The weight at which the tip is at the upper teeth."
WAY = (0.0, RAISED, 0.6, 1.0)
BEHIND_TEETH_CM = np.array([0.0, 0.10, -0.50])
BETWEEN_TEETH_CM = np.array([0.0, -0.12, 0.15])
OUT_CM = np.array([0.0, -0.75, 1.5])
"Where the tip is at WAY's last three weights, from the edge of the upper teeth; y up, z forward."
OVER_LOWER_CM = 0.3
"How far above the lower teeth it lies then, if they are far down."
WIDE_CM = 0.55
"A gap between the teeth through which the tongue comes out all the way."
STIFF_CM, ROOT_CM = 0.6, 3.6
"Along the surface from the tip: what moves as the tip does, and what does not move."
TIP, UPPER_EDGE, LOWER_EDGE = 16761, 18074, 20274
"Vertices of the head model: the tongue's tip, the biting edges of an upper and a lower tooth in front."


class Tongue:
    """How the tongue of a head model moves. Immutable once made."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self.share: Array = 1 - smoothstep(_along_surface(model, TIP), STIFF_CM, ROOT_CM)
        "[26719]: how far each vertex goes with the tip, 0..1."

    def shift(
        self, weight: float, rest: Array, shapes: Mapping[str, float], ids: NDArray[np.integer]
    ) -> Array:
        """What `tongueOut` at `weight` adds to the vertices `ids` [n], [n, 3] cm.

        rest: the head at rest, [26719, 3]; shapes: weights of the head model's shapes, which move the jaw.
        """
        places, gap_cm = self.way(rest, shapes)
        weight = min(weight, RAISED + (1 - RAISED) * min(gap_cm / WIDE_CM, 1.0))
        wanted = [np.interp(weight, WAY, places[:, axis]) for axis in range(3)]
        return np.asarray(self.share[ids, None] * (wanted - places[0]))

    def way(self, rest: Array, shapes: Mapping[str, float]) -> tuple[Array, float]:
        """Where the tip rests and its three places, [4, 3] cm; how far the teeth are apart, cm."""
        key, expressions = [TIP, UPPER_EDGE, LOWER_EDGE], self._model.expressions
        moved = rest[key] + sum(
            w * expressions[name][key] for name, w in shapes.items() if name in expressions
        )
        tip, upper, lower = moved
        upper = upper * [0, 1, 1]  # in the middle
        behind, between, out = (upper + place for place in (BEHIND_TEETH_CM, BETWEEN_TEETH_CM, OUT_CM))
        out[1] = min(out[1], lower[1] + OVER_LOWER_CM)
        return np.array([tip, behind, between, out]), max(0.0, float(upper[1] - lower[1]))


def _along_surface(model: FaceModel, start: int) -> Array:
    """[26719]: the shortest ways along the edges of the mouth's inner mesh from a vertex, cm; infinite
    elsewhere."""
    faces = model.faces[model.faces_of("M_GumsTongue")]
    ends = np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)])
    ends = np.concatenate([ends[(ends >= 0).all(1)], faces[faces[:, 3] < 0][:, [2, 0]]])
    lengths = np.linalg.norm(model.vertices[ends[:, 0]] - model.vertices[ends[:, 1]], axis=1)
    count = len(model.vertices)
    edges = coo_matrix((np.maximum(lengths, 1e-6), ends.T), shape=(count, count)).tocsr()
    return np.asarray(dijkstra(edges, directed=False, indices=start, limit=2 * ROOT_CM))
