"""Lamps, camera, backdrop and render settings.

Knows where the head stands, not what it looks like. Needs bpy (GPL).
"""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import mathutils
import numpy as np
from scipy.ndimage import gaussian_filter

from renderer.synthesis import materials
from renderer.synthesis.blender import METRES_PER_CM, add_image
from renderer.synthesis.camera import PICTURE_SIZE, Camera
from renderer.synthesis.geometry import Array
from renderer.synthesis.recipe import Light

AMBIENT = (0.30, 0.32, 0.36)
AMBIENT_STRENGTH = 0.55
KEY_AZIMUTH_DEG = -38.0  # negative: on the picture's left, the subject's right
KEY_ELEVATION_DEG = 32.0
BACKDROP_DISTANCE_M = 2.2
BACKDROP_HALF_SIZE_M = 1.6
BACKDROP = "bg"


def place_camera(camera: Camera) -> None:
    """Set the scene's camera to see what `Camera.project` says."""
    data = bpy.data.cameras.new("c")
    placed = bpy.data.objects.new("c", data)
    scene = bpy.context.scene
    scene.collection.objects.link(placed)
    scene.camera = placed
    data.lens, data.sensor_width, data.dof.use_dof = camera.focal_mm, camera.sensor_mm, False
    target = mathutils.Vector((0, 0, camera.centre_y_cm * METRES_PER_CM))
    placed.location = (0, -camera.distance_cm * METRES_PER_CM, target.z)
    placed.rotation_euler = (target - placed.location).to_track_quat("-Z", "Y").to_euler()


def light_studio(light: Light) -> None:
    """Key, fill, two rims behind, and a small lamp by the camera; a dim grey-blue world around."""
    scene = bpy.context.scene
    world = bpy.data.worlds.new("w")
    scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs[0].default_value = (*AMBIENT, 1)
    background.inputs[1].default_value = AMBIENT_STRENGTH
    key = KEY_AZIMUTH_DEG
    _add_lamp(key, KEY_ELEVATION_DEG, 1.2, light.key, 0.55, (1, 0.95, 0.89))
    _add_lamp(key + 85, 8, 1.4, light.fill, 1.0, (0.88, 0.94, 1))
    _add_lamp(key + 190, 38, 1.3, light.rim, 0.5, (1, 0.97, 0.93))
    _add_lamp(key + 150, 35, 1.4, light.rim * 0.5, 0.4, (0.9, 0.95, 1))
    if light.front:
        _add_lamp(0, -4, 1.0, light.front, 0.12, (1, 0.96, 0.92))


def _add_lamp(
    azimuth_deg: float,
    elevation_deg: float,
    distance_m: float,
    watts: float,
    size_m: float,
    color: tuple[float, ...],
) -> None:
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    lamp = bpy.data.lights.new("l", "AREA")
    lamp.energy, lamp.size, lamp.color = watts, size_m, color
    placed = bpy.data.objects.new("l", lamp)
    placed.location = (
        distance_m * math.sin(azimuth) * math.cos(elevation),
        -distance_m * math.cos(azimuth) * math.cos(elevation),
        distance_m * math.sin(elevation),
    )
    bpy.context.scene.collection.objects.link(placed)
    to_head = mathutils.Vector((0, 0, 0)) - placed.location
    placed.rotation_euler = to_head.to_track_quat("-Z", "Y").to_euler()


def paint_backdrop(seed: int, size: int = 256) -> Array:
    """A blurred room, [size, size, 3] linear: soft lights and, in most, a few upright bands."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    tone = rng.uniform(0.06, 0.35) * (1 + rng.normal(size=3) * 0.10)
    picture = np.ones((size, size, 3)) * tone
    for _ in range(9):
        cx, cy, radius = rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 1.1), rng.uniform(0.05, 0.3)
        blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / radius**2)[..., None]
        picture += blob * tone.mean() * rng.uniform(-0.7, 1.3) * (1 + rng.normal(size=3) * 0.15)
    if rng.random() < 0.6:
        for _ in range(3):
            left, width = rng.uniform(0, 0.9), rng.uniform(0.05, 0.2)
            picture[:, int(left * size) : int((left + width) * size)] *= rng.uniform(0.6, 1.5)
    return np.clip(gaussian_filter(picture, (9, 9, 0)), 0, 1.5)


def hang_backdrop(seed: int) -> None:
    """A wall behind the head that the camera sees and nothing else: it throws no light and no shadow."""
    picture = paint_backdrop(seed)
    image = add_image(BACKDROP, picture)
    mesh = bpy.data.meshes.new(BACKDROP)
    half = BACKDROP_HALF_SIZE_M
    mesh.from_pydata(
        [(-half, 0, -half), (half, 0, -half), (half, 0, half), (-half, 0, half)], [], [(0, 1, 2, 3)]
    )
    mesh.uv_layers.new().data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    mesh.materials.append(materials.backdrop(image))
    wall = bpy.data.objects.new(BACKDROP, mesh)
    scene = bpy.context.scene
    towards_camera = scene.camera.location.normalized()
    wall.location = (-towards_camera.x * BACKDROP_DISTANCE_M, -towards_camera.y * BACKDROP_DISTANCE_M, 0)
    wall.rotation_euler = (0, 0, math.atan2(towards_camera.x, -towards_camera.y))
    scene.collection.objects.link(wall)
    for ray in ("diffuse", "glossy", "transmission", "shadow", "volume_scatter"):
        setattr(wall, f"visible_{ray}", False)


def set_up_cycles(threads: int = 1) -> None:
    """Few bounces, few samples, denoised: noise differs from frame to frame and a network averages it out.

    One thread, since one process per core is the fastest way to render many frames.
    """
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    cycles.use_adaptive_sampling = False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 1
    cycles.transmission_bounces, cycles.transparent_max_bounces = 2, 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    render.resolution_x = render.resolution_y = PICTURE_SIZE
    render.threads_mode, render.threads = "FIXED", threads
    render.film_transparent = False
    render.image_settings.file_format, render.image_settings.color_mode = "BMP", "RGB"
    render.use_persistent_data = True
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    scene.view_settings.exposure = 0


def show_mattes() -> None:
    """From now on pictures show what stands before the backdrop: white of that coverage, no light, no colour.

    For good: with persistent data Cycles does not notice all that would have to be set back.
    """
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    scene.objects[BACKDROP].hide_render = True
    scene.view_layers[0].material_override = materials.white()
    cycles.use_denoising, cycles.max_bounces = False, 0
    render.film_transparent = True
    render.image_settings.file_format, render.image_settings.color_mode = "TIFF", "RGBA"


def render_box(box: tuple[int, int, int, int], samples: int, path: Path) -> None:
    """Render the part (left, top, width, height) of the picture to a file of that size."""
    scene = bpy.context.scene
    render = scene.render
    left, top, width, height = box
    is_part = (width, height) != (PICTURE_SIZE, PICTURE_SIZE)
    render.use_border = is_part
    if is_part:
        render.use_crop_to_border = True
        render.border_min_x = left / PICTURE_SIZE
        render.border_max_x = (left + width) / PICTURE_SIZE
        render.border_min_y = 1 - (top + height) / PICTURE_SIZE
        render.border_max_y = 1 - top / PICTURE_SIZE
    scene.cycles.samples = samples
    render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
