"""How a head moves: the turn shared between head and neck, and lids that stay off the eyeball.

Knows no avatar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderer.synthesis.geometry import Array, head_rotation, smoothstep

HEAD_PIVOT = np.array([0, -3, 0.5])  # the skull on the first vertebrae, cm
NECK_PIVOT = np.array([0, -13, -1.0])  # the root of the neck, cm
HEAD_PART = (0.6, 0.6, 0.7)  # share of yaw, pitch, roll done by the skull; the neck does the rest
NECK_PART = (0.4, 0.4, 0.3)

CORNEA_BULGE = 0.105  # cm above the eyeball at the centre of the cornea
CORNEA_RADIUS = 0.72  # cm, where the bulge ends
LID_CLEARANCE = 0.035  # cm between the eyeball and the inside of the lid


@dataclass(frozen=True, eq=False)
class Eye:
    """An eyeball as a sphere at rest."""

    centre: Array
    "[3] cm"
    radius: float
    "cm"


def head_share(points: Array) -> Array:
    """How much of the skull's turn each point [n, 3] follows: 1 on the head, 0 below the throat."""
    return smoothstep(points[:, 1] + 0.45 * np.clip(points[:, 2] - 3, 0, None), -11, -6.5)


def neck_share(points: Array) -> Array:
    """How much of the neck's turn each point [n, 3] follows: shoulders and collar stay where they are."""
    front = 0.25 * np.clip(points[:, 2], 0, 8)
    shoulder = 0.35 * np.clip(np.abs(points[:, 0]) - 5, 0, 9)
    return smoothstep(points[:, 1] + front - shoulder, -14.5, -9.5)


def pose_head(points: ArrayLike, head_deg: ArrayLike, rigid: bool | NDArray[np.floating] = False) -> Array:
    """Points [..., 3] after the head turned by (yaw, pitch, roll) degrees: skull about HEAD_PIVOT, then neck.

    rigid: True for things that ride on the skull whole (eyes, lashes, brows); an array [n] of least shares
    for a mesh where some points do (what lies inside the head); False for skin and hair.
    """
    points = np.asarray(points, float)
    flat = points.reshape(-1, 3)
    if rigid is True:
        head = neck = np.ones(len(flat))
    else:
        head, neck = head_share(flat), neck_share(flat)
        if rigid is not False:
            head, neck = np.maximum(head, rigid), np.maximum(neck, rigid)
    angles = np.asarray(head_deg, float)
    flat = _turn(flat, HEAD_PIVOT, angles * HEAD_PART, head)
    return _turn(flat, NECK_PIVOT, angles * NECK_PART, neck).reshape(points.shape)


def _turn(points: Array, pivot: Array, angles_deg: Array, share: Array) -> Array:
    """Turn each point by its own share of the angles; whole shares take one matrix, far faster."""
    out = points - pivot
    whole = share >= 1
    partly = (share > 0) & ~whole
    out[whole] = out[whole] @ head_rotation(*angles_deg).T
    out[partly] = np.einsum("nij,nj->ni", head_rotation(*angles_deg, share=share[partly]), out[partly])
    return out + pivot


def gaze_rotation(gaze_deg: ArrayLike) -> Array:
    """Rotation [3, 3] of an eyeball; gaze_deg = (x to the subject's left, y up) from straight ahead."""
    x, y = np.asarray(gaze_deg, float)
    return head_rotation(x, y, 0.0)


def push_lids_off_eye(points: Array, eye: Eye, gaze_deg: ArrayLike) -> Array:
    """Skin points [n, 3] with those that dip into the front of the eyeball pushed out along its radius.

    The cornea stands above the sphere where the eye looks, so a closed lid shows the bulge move under it.
    """
    forward = gaze_rotation(gaze_deg) @ np.array([0, 0, 1.0])
    offset = points - eye.centre
    distance = np.linalg.norm(offset, axis=1)
    ahead = offset @ forward
    off_axis = (distance * distance - ahead**2) / CORNEA_RADIUS**2
    bulge = np.where(ahead > 0, CORNEA_BULGE * np.clip(1 - off_axis, 0, 1) ** 1.25, 0)
    limit = eye.radius + LID_CLEARANCE + bulge
    inside = (distance < limit) & (distance > 0.75 * eye.radius) & (offset[:, 2] > 0)
    out = points.copy()
    out[inside] = eye.centre + offset[inside] / distance[inside][:, None] * limit[inside][:, None]
    return out
