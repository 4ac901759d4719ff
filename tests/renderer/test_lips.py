"""The network that reads lips off pictures: crops hold what they should, what is learned is read again."""

import cv2
import numpy as np

from renderer.training.lips import MARGIN, MOUTH, SIDE, apertures, around_mouth, learn, read

WIDE = SIDE + 2 * MARGIN


def face(aperture: float, at: tuple[float, float], side: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a dark mouth of this height, and landmarks of which only those of the mouth matter."""
    picture = np.full((side, side, 3), 190, np.uint8)
    centre = np.array(at, np.float32)
    cv2.ellipse(picture, (int(at[0]), int(at[1])), (24, int(aperture / 2) + 5), 0, 0, 360, (90, 90, 180), -1)
    cv2.ellipse(picture, (int(at[0]), int(at[1])), (20, int(aperture / 2)), 0, 0, 360, (20, 20, 30), -1)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False) + np.pi
    outer = centre + np.stack([24 * np.cos(angle), (aperture / 2 + 5) * np.sin(angle)], 1)
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False) + np.pi
    inner = centre + np.stack([20 * np.cos(angle), aperture / 2 * np.sin(angle)], 1)
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[16, 0] = 200
    landmarks[MOUTH] = np.concatenate([outer, inner])
    return picture, landmarks


def test_a_crop_holds_the_mouth_even_at_the_edge() -> None:
    for at in ((120, 150), (3, 150), (120, 238)):
        crop, lips = around_mouth(*face(12, at))
        assert crop.shape == (WIDE, WIDE) and abs(lips.mean(0) - WIDE / 2).max() <= 1
    assert around_mouth(*face(12, (120, 150)))[0][WIDE // 2, WIDE // 2] < 60


def test_the_aperture_is_the_mean_of_three_pairs_over_the_width_of_the_face() -> None:
    _, landmarks = face(20, (120, 150))
    expected = 20 * (1 + 2 * np.sin(np.pi / 4)) / 3 / 200
    assert np.isclose(apertures(landmarks[None, MOUTH], np.float32([200.0]))[0], expected, rtol=1e-4)


def test_what_is_learned_is_read_again() -> None:
    random = np.random.default_rng(0)
    made = [around_mouth(*face(a, (120, 150))) for a in random.uniform(0, 40, 64)]
    crops, points = (np.stack(part) for part in zip(*made, strict=True))
    net = learn(crops[:48], points[:48], steps=80)
    said, seen = (apertures(p, np.full(16, 200.0)) for p in (points[48:], read(net, crops[48:])))
    assert np.corrcoef(said, seen)[0, 1] > 0.95
