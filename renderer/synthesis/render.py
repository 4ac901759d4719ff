"""Renders the frames of a seed with their labels; resumes where it stopped. Needs bpy (GPL, Python 3.11)."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
from renderer.synthesis.frames import FrameRecord, RecordWriter, image_name, matte_name, read_records
from renderer.synthesis.job import RenderJob

log = logging.getLogger(__name__)

SAMPLES_FULL = 6
SAMPLES_FACE = 5
SAMPLES_MATTE = 16
WEBP_QUALITY = 95


def render_frames(workshop: Workshop, job: RenderJob, out: Path) -> int:
    """Render what is missing of frames 0..frames-1 into a folder (frames.py), then of the whole pictures'
    mattes; returns how many frames that were.

    A frame is a function of (recipe, head model, seed, index, full_share, tongue_share, samples), or of the
    clip. About 4.5 s a face crop and 9 s a full frame on one core, 2 s a matte; 1.7 GB of memory.
    """
    writer = RecordWriter(out, job.seed)
    missing = [index for index in range(job.frames) if image_name(job.seed, index) not in writer.done]
    if not missing and not _without_matte(writer):
        return 0
    writer.claim(workshop.origin | job.origin)
    stage = Stage(workshop)
    started = time.monotonic()
    for count, index in enumerate(missing, 1):
        writer.append(stage.render_frame(job, index, out))
        if count % 20 == 0 or count == len(missing):
            pace = (time.monotonic() - started) / count
            log.info("%s: %d of %d frames, %.1f s a frame", out, count, len(missing), pace)
    stage.render_mattes(_without_matte(writer), out)
    return len(missing)


def _without_matte(writer: RecordWriter) -> list[FrameRecord]:
    records = read_records(writer.path) if writer.path.exists() else []
    full = [record for record in records if record.kind == "full"]
    return [record for record in full if not (writer.folder / matte_name(record.image)).exists()]


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
        picture = _drawn("frame.bmp", box, samples)
        write_picture(folder / name, picture, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
        return FrameRecord.of(name, "full" if is_full else "face", box, controls, landmarks)

    def render_mattes(self, records: list[FrameRecord], folder: Path) -> None:
        """Render mattes of full frames beside their pictures; afterwards nothing else can be rendered."""
        if records:
            studio.show_mattes()
        for record in records:
            controls = record.controls
            self._avatar.show(self._figure.pose(controls.weights, controls.head_deg, controls.gaze_deg))
            coverage = _drawn("matte.tif", (0, 0, PICTURE_SIZE, PICTURE_SIZE), SAMPLES_MATTE)[:, :, 3]
            write_picture(folder / matte_name(record.image), coverage, [])


def _drawn(name: str, box: tuple[int, int, int, int], samples: int) -> np.ndarray:
    """What Cycles draws in a box, [height, width, 3 or 4]; name: of the file it does so in."""
    with tempfile.TemporaryDirectory() as temporary:
        with quiet_stdout():
            studio.render_box(box, samples, Path(temporary) / name)
        picture = cv2.imread(str(Path(temporary) / name), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.shape[:2] != (box[3], box[2]):
        got = "nothing" if picture is None else f"{picture.shape[1]} x {picture.shape[0]}"
        raise SynthesisError(f"Cycles gave {got}, expected {box[2]} x {box[3]} pixels; see its log above.")
    return picture


def write_picture(path: Path, picture: np.ndarray, options: Sequence[int]) -> None:
    """Write a picture whole or not at all."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    if not cv2.imwrite(str(temporary), picture, options):
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
