"""Renders the frames of a seed with their labels; resumes where it stopped. Needs bpy (GPL, Python 3.11)."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from renderer.synthesis import studio
from renderer.synthesis.assets import Workshop
from renderer.synthesis.avatar import Avatar
from renderer.synthesis.blender import empty_scene
from renderer.synthesis.camera import CAMERA, PICTURE_SIZE, face_crop
from renderer.synthesis.controls import LipGap
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.face_model import LANDMARK_VERTICES
from renderer.synthesis.frames import FrameRecord, RecordWriter, image_name
from renderer.synthesis.job import RenderJob

log = logging.getLogger(__name__)

SAMPLES_FULL = 6
SAMPLES_FACE = 5
WEBP_QUALITY = 95


def render_frames(workshop: Workshop, job: RenderJob, out: Path) -> int:
    """Render what is missing of frames 0..frames-1 into a folder (frames.py); returns how many that were.

    A frame is a function of (recipe, head model, seed, index, full_share, samples), or of the clip. About
    4.5 s a face crop and 9 s a full frame on one core; 1.7 GB of memory.
    """
    writer = RecordWriter(out, job.seed)
    missing = [index for index in range(job.frames) if image_name(job.seed, index) not in writer.done]
    if not missing:
        return 0
    writer.claim(workshop.origin | job.origin)
    stage = Stage(workshop)
    started = time.monotonic()
    for count, index in enumerate(missing, 1):
        record = stage.render_frame(job, index, out)
        writer.append(record)
        if count % 20 == 0 or count == len(missing):
            pace = (time.monotonic() - started) / count
            log.info("%s: %d of %d frames, %.1f s a frame", out, count, len(missing), pace)
    return len(missing)


class Stage:
    """The scene with one avatar in it, ready to be rendered.

    Only one can exist in a process: Blender is global.
    """

    def __init__(self, workshop: Workshop) -> None:
        recipe = workshop.recipe
        self._figure = workshop.figure()
        self._lip_gap = LipGap.of(workshop.model)
        garment, textures, wrinkles = workshop.garment(), workshop.textures(), workshop.wrinkles()
        with quiet_stdout():
            empty_scene()
        self._avatar = Avatar(recipe, self._figure, garment, textures, wrinkles)
        studio.place_camera(CAMERA)
        studio.light_studio(recipe.light)
        studio.set_up_cycles()
        studio.hang_backdrop(recipe.background_seed)

    def render_frame(self, job: RenderJob, index: int, folder: Path) -> FrameRecord:
        """Render one frame into folder/SEED_INDEX.webp (whole or not at all) and return its label."""
        controls, is_full = job.controls(index, self._lip_gap)
        posed = self._figure.pose(controls.weights, controls.head_deg, controls.gaze_deg)
        self._avatar.show(posed)
        landmarks = CAMERA.project(posed.head[list(LANDMARK_VERTICES)])
        box = (0, 0, PICTURE_SIZE, PICTURE_SIZE) if is_full else face_crop(landmarks)
        samples = job.samples or (SAMPLES_FULL if is_full else SAMPLES_FACE)
        name = image_name(job.seed, index)
        self._render_to(folder / name, box, samples)
        return FrameRecord.of(name, "full" if is_full else "face", box, controls, landmarks)

    def _render_to(self, path: Path, box: tuple[int, int, int, int], samples: int) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            bitmap = Path(temporary) / "frame.bmp"
            with quiet_stdout():
                studio.render_box(box, samples, bitmap)
            picture = cv2.imread(str(bitmap), cv2.IMREAD_COLOR)
        if picture is None or picture.shape[:2] != (box[3], box[2]):
            got = "nothing" if picture is None else f"{picture.shape[1]} x {picture.shape[0]}"
            raise SynthesisError(
                f"{path.name}: Cycles gave {got}, expected {box[2]} x {box[3]} pixels; see its log above."
            )
        write_webp(path, picture)


def write_webp(path: Path, picture: np.ndarray) -> None:
    """Write a BGR picture whole or not at all."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    if not cv2.imwrite(str(temporary), picture, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]):
        raise SynthesisError(f"cannot write {path}: is the disk full?")
    temporary.replace(path)


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Keep Blender's chatter off standard output (it writes to the descriptor); errors stay on stderr."""
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
