"""Everything an avatar is made of, from the user's head model and a recipe; what is slow is cached.

No renderer.

The cache may be shared by processes, avatars and head models: a file's name holds the digests of what it
was made from, and it appears under that name only when whole.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.eyes import paint_eyes
from renderer.synthesis.face_model import FaceModel, load_face_model
from renderer.synthesis.figure import Figure
from renderer.synthesis.garment import Garment, Neckline, cut_shirt
from renderer.synthesis.grooms import GroomLibrary, HeadSurface, load_torso
from renderer.synthesis.hair import grow_brows, grow_hair, hairline
from renderer.synthesis.recipe import Recipe
from renderer.synthesis.skin import SkinMaps, paint_skin
from renderer.synthesis.texels import BACK_TEXTURE_SIZE, FACE_TEXTURE_SIZE, TexelPositions, bake_texels
from renderer.synthesis.wrinkles import Wrinkles, paint_wrinkles

WRINKLE_TEXTURE_SIZE = 1024
"Half of the face's: folds are wider than pores, and their texture is sent to the renderer for every frame."
WRINKLE_DRAWS = 1  # sets their random numbers apart from the skin's

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Textures:
    """The PNG files of one avatar."""

    skin: dict[str, Path]
    'keys "face_albedo", "face_roughness", "face_height" and the same of "back"'
    iris: Path
    sclera: Path


class Workshop:
    """Makes the parts of one avatar, each once."""

    def __init__(
        self,
        recipe: Recipe,
        face_model_folder: Path,
        cache: Path,
        texture_sizes: tuple[int, int] = (FACE_TEXTURE_SIZE, BACK_TEXTURE_SIZE),
    ) -> None:
        """texture_sizes: of the face and the back of the head; smaller ones are for tests."""
        self.recipe = recipe
        self.folder = face_model_folder
        self.model: FaceModel = load_face_model(face_model_folder)
        self.neckline = Neckline()
        self.texture_sizes = texture_sizes
        self.library = GroomLibrary(face_model_folder, HeadSurface(self.model))
        sizes = "-".join(map(str, texture_sizes))
        self._texels_file = cache / f"texels-{self.model.digest}-{sizes}.npz"
        self._cache = cache / f"{recipe.name}-{recipe.digest}-{self.model.digest}-{sizes}"
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SynthesisError(
                f"cannot make the cache folder {self._cache}: {error}; name another with --cache."
            ) from error
        self._hair = self._cached_hair()

    @property
    def origin(self) -> dict[str, str | float | None]:
        """What pictures of this workshop depend on, beside their controls."""
        digests = {"recipe": self.recipe.digest, "face_model": self.model.digest}
        return {"avatar": self.recipe.name, **digests}

    def figure(self) -> Figure:
        """The avatar as moving geometry."""
        return self._figure

    @cached_property
    def _figure(self) -> Figure:
        brows = grow_brows(self.recipe.brows, self.library)
        return Figure(self.recipe, self.model, self._hair, brows, self.neckline)

    def garment(self) -> Garment:
        """The shirt."""
        return cut_shirt(*load_torso(self.folder), self.neckline)

    def textures(self) -> Textures:
        """The avatar's textures, painted if the cache has none (about a minute)."""
        names = [
            f"{tile}_{channel}" for tile in ("face", "back") for channel in ("albedo", "roughness", "height")
        ]
        files = {name: self._cache / f"{name}.png" for name in [*names, "iris", "sclera"]}
        if not all(file.is_file() for file in files.values()):
            log.info("painting the textures of %s (about a minute, once)", self.recipe.name)
            self._paint(files)
        return Textures({name: files[name] for name in names}, files["iris"], files["sclera"])

    def wrinkles(self) -> Wrinkles | None:
        """What the skin's folds look like, painted in two seconds; None if the recipe wants none."""
        if not self.recipe.skin.wrinkles:
            return None
        rng = np.random.default_rng([self.recipe.seed, WRINKLE_DRAWS])
        return paint_wrinkles(self.wrinkle_texels(), rng, self.recipe.skin.wrinkles)

    def wrinkle_texels(self) -> np.ndarray:
        """Where on the mean head the texels of the wrinkles' texture lie, [size, size, 3] cm."""
        every = max(1, self.texture_sizes[0] // WRINKLE_TEXTURE_SIZE)
        return self._texels().face[::every, ::every]

    def _paint(self, files: dict[str, Path]) -> None:
        density = hairline(self.recipe.hair, self._hair)
        for tile, maps in paint_skin(self.recipe, self.model, self._texels(), density).items():
            for channel, image in _skin_images(maps).items():
                write_png(files[f"{tile}_{channel}"], image)
        eyes = paint_eyes(self.recipe.eyes, self.recipe.seed)
        write_png(files["iris"], eyes.iris)
        write_png(files["sclera"], eyes.sclera)

    def _texels(self) -> TexelPositions:
        if not self._texels_file.is_file():
            log.info("finding where each texel lies on the head (some ten seconds, once for all avatars)")
            texels = bake_texels(self.model, *self.texture_sizes)
            _whole(self._texels_file, lambda path: np.savez(path, face=texels.face, back=texels.back))
        with np.load(self._texels_file) as stored:
            return TexelPositions(stored["face"], stored["back"])

    def _cached_hair(self) -> np.ndarray:
        file = self._cache / "hair.npy"
        if not file.is_file():
            strands = grow_hair(self.recipe.hair, self.library)
            _whole(file, lambda path: np.save(path, strands))
        return np.load(file)


def _skin_images(maps: SkinMaps) -> dict[str, np.ndarray]:
    return {
        "albedo": (np.clip(maps.albedo, 0, 1) * 255 + 0.5).astype(np.uint8),
        "roughness": (np.clip(maps.roughness, 0, 1) * 255).astype(np.uint8),
        "height": (np.clip(0.5 + 0.11 * maps.height, 0, 1) * 65535).astype(np.uint16),
    }


def write_png(path: Path, image: np.ndarray) -> None:
    """Write grey, RGB or RGBA, 8 or 16 bits, whole or not at all."""
    to_bgr = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    ordered = cv2.cvtColor(image, to_bgr[image.shape[2]]) if image.ndim == 3 else image

    def write(temporary: Path) -> None:
        if not cv2.imwrite(str(temporary), ordered):
            raise SynthesisError(f"cannot write {path}: is the disk full?")

    _whole(path, write)


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write under a temporary name and move into place."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    write(temporary)
    temporary.replace(path)
