"""Puts meshes and strands into Blender and moves them.

Knows objects, no materials and no face. Needs bpy (GPL).

Blender is z up, face towards -y, metres: `to_blender` is the only place that knows it. Objects keep the
names the scene gave them from the first: Cycles seeds each object's random numbers with its name.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from renderer.synthesis.geometry import Array

METRES_PER_CM = 0.01


def to_blender(points: Array) -> Array:
    """Points [..., 3] in head coordinates (cm) as Blender's (m)."""
    points = np.asarray(points)
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1) * METRES_PER_CM


def empty_scene() -> None:
    """A scene with nothing in it and factory settings."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def add_mesh(
    name: str,
    points: Array,
    polygons: Sequence[Sequence[int]],
    materials: Sequence[bpy.types.Material],
    *,
    slots: Sequence[int] | None = None,
    uv: Array | None = None,
    subdivisions: int = 0,
) -> bpy.types.Object:
    """A smooth-shaded mesh object. slots: material index per polygon; uv: [corners, 2]; points in cm."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(to_blender(points).tolist(), [], polygons)
    if uv is not None:
        mesh.uv_layers.new(name="uv").data.foreach_set("uv", np.asarray(uv, np.float32).ravel())
    for material in materials:
        mesh.materials.append(material)
    if slots is not None:
        mesh.polygons.foreach_set("material_index", np.asarray(slots, np.int32))
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    mesh.update()
    added = _link(name, mesh)
    if subdivisions:
        modifier = added.modifiers.new("subdivision", "SUBSURF")
        modifier.levels = modifier.render_levels = subdivisions
    return added


def move_mesh(mesh_object: bpy.types.Object, points: Array) -> None:
    """New vertex positions [n, 3] in cm."""
    mesh_object.data.vertices.foreach_set("co", to_blender(points).astype(np.float32).ravel())
    mesh_object.data.update()


def add_strands(
    name: str, strands: Array, radius_cm: Array, material: bpy.types.Material
) -> bpy.types.Object:
    """Strands [n, points, 3] cm as hair curves; radius_cm [points] from root to tip."""
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([strands.shape[1]] * len(strands))
    radius = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    radii = np.broadcast_to(radius_cm * METRES_PER_CM, strands.shape[:2])
    radius.data.foreach_set("value", radii.astype(np.float32).ravel())
    curves.materials.append(material)
    added = _link(name, curves)
    move_strands(added, strands)
    return added


def move_strands(strands_object: bpy.types.Object, strands: Array) -> None:
    """New positions [n, points, 3] in cm."""
    positions = to_blender(strands).astype(np.float32).ravel()
    strands_object.data.attributes["position"].data.foreach_set("vector", positions)
    strands_object.data.update_tag()


def add_image(name: str, colors: Array, *, is_data: bool = False) -> bpy.types.Image:
    """An opaque image of colors [size, size, 3], lowest row first; is_data: numbers, no colors."""
    size = len(colors)
    image = bpy.data.images.new(name, size, size, float_buffer=True, is_data=is_data)
    image.pixels.foreach_set(np.dstack([colors, np.ones((size, size))]).astype(np.float32).ravel())
    return image


def show_image(node: bpy.types.ShaderNodeTexImage, values: Array) -> None:
    """Let a texture node show linear grey values [size, size], first row on top, in place of what it
    showed.

    A new image each time: Cycles with persistent data draws a repainted one as it was a frame before.
    """
    grey = np.repeat(values[::-1, :, None], 3, 2)  # Blender's first row is the lowest
    before, node.image = node.image, add_image(node.name, grey, is_data=True)
    if before is not None:
        bpy.data.images.remove(before)


def _link(name: str, data: bpy.types.ID) -> bpy.types.Object:
    added = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(added)
    return added
