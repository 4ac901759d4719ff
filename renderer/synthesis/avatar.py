"""An avatar in Blender: builds its objects once and moves them to a pose.

Knows no controls' origin, no files. Needs bpy.
"""

from __future__ import annotations

import numpy as np

from renderer.synthesis import materials
from renderer.synthesis.assets import Textures
from renderer.synthesis.blender import add_mesh, add_strands, move_mesh, move_strands, show_image
from renderer.synthesis.figure import Figure, Posed
from renderer.synthesis.garment import Garment
from renderer.synthesis.recipe import HAIR_COLORS, Recipe
from renderer.synthesis.wrinkles import Wrinkles


class Avatar:
    """The objects of one figure in the current scene."""

    def __init__(
        self, recipe: Recipe, figure: Figure, garment: Garment, textures: Textures, wrinkles: Wrinkles | None
    ) -> None:
        """wrinkles: None for skin that never folds."""
        mesh = figure.head_mesh
        self._wrinkles = wrinkles
        head_materials, self._folds = materials.head_materials(textures, folds=wrinkles is not None)
        self._head = add_mesh(
            "head",
            figure.vertices,
            mesh.polygons,
            head_materials,
            slots=mesh.slots,
            uv=np.array(mesh.uv),
            subdivisions=1,
        )
        sclera_material, iris_material = materials.eyes(textures)
        self._eyes = [
            (
                add_mesh("scl", sclera.points, sclera.faces, [sclera_material], uv=sclera.uv),
                add_mesh("iris", iris.points, iris.faces, [iris_material], uv=iris.uv),
            )
            for sclera, iris in figure.patches
        ]
        lash_material = materials.hair(1.0, 0.1, random_color=0.0)
        lashes = figure.lashes.at(figure.vertices)
        self._lashes = add_strands("lash", lashes, figure.lash_radius_cm, lash_material)
        color = HAIR_COLORS[recipe.hair.color]
        strand_materials = [materials.hair(color.melanin, color.redness), materials.brow_hair(color)]
        self._strands = [
            add_strands(each.name, each.rest, each.radius_cm, material)
            for each, material in zip(figure.strand_sets, strand_materials, strict=True)
        ]
        add_mesh(
            "shirt", garment.vertices, garment.polygons, [materials.cloth(recipe.shirt_color)], subdivisions=1
        )

    def show(self, posed: Posed) -> None:
        """Move everything to a pose of the same figure."""
        move_mesh(self._head, posed.head)
        if self._wrinkles and self._folds:
            height = self._wrinkles.height(posed.fold_amounts)
            show_image(self._folds, 0.5 + height / materials.FOLD_RANGE_MM)
        for (sclera, iris), (sclera_points, iris_points) in zip(self._eyes, posed.eyeballs, strict=True):
            move_mesh(sclera, sclera_points)
            move_mesh(iris, iris_points)
        move_strands(self._lashes, posed.lashes)
        for strands, points in zip(self._strands, posed.strands, strict=True):
            move_strands(strands, points)
