"""The surfaces: skin, eyes, teeth, gums, hair, cloth. Knows shaders, no geometry. Needs bpy (GPL).

Skin scatters light below its surface after Christensen and Burley ("Approximate reflectance profiles for
efficient subsurface scattering", Pixar 2015): with as few samples as the training frames have it is less
noisy than a random walk. Hair is the shader of Chiang et al. ("A practical and controllable hair and fur
model for production path tracing", EGSR 2016), colored by melanin.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from renderer.synthesis.assets import Textures
from renderer.synthesis.recipe import Color, HairColor

SKIN_SCATTER_M = 0.0085
SKIN_BUMP_M = 0.00022
FOLD_RANGE_MM = 8.0
"A wrinkle's texture is .5 at the skin's own height and one darker for so many millimetres of depth."
FOLD_DARKEST_MM = 1.6
FOLD_SHADE = (0.64, 0.50, 0.46)
"The skin's color is multiplied by it at the depth above."
SKIN_SCATTER_RADII = (1, 0.35, 0.18)  # red light travels farthest


def skin(
    textures: Textures, tile: str, *, folds: bool = False
) -> tuple[bpy.types.Material, bpy.types.ShaderNodeTexImage | None]:
    """Skin of one tile, "face" or "back", and the node that is to show the height of its expression
    wrinkles as .5 + mm / FOLD_RANGE_MM, if it shall have any."""
    material, tree, shader = _principled(
        f"skin_{tile}",
        subsurface_weight=1.0,
        subsurface_radius=SKIN_SCATTER_RADII,
        subsurface_scale=SKIN_SCATTER_M,
        ior=1.42,
        specular_ior_level=0.42,
        coat_weight=0.08,
        coat_roughness=0.28,
    )
    albedo = _image(tree, textures.skin[f"{tile}_albedo"], "sRGB")
    roughness = _image(tree, textures.skin[f"{tile}_roughness"], "Non-Color")
    height = _image(tree, textures.skin[f"{tile}_height"], "Non-Color")
    bump = _bump(tree, height.outputs[0], SKIN_BUMP_M)
    color, folding = albedo.outputs[0], None
    if folds:
        folding, color, bump = _fold(tree, color, bump)
    tree.links.new(color, shader.inputs["Base Color"])
    tree.links.new(roughness.outputs[0], shader.inputs["Roughness"])
    tree.links.new(bump.outputs[0], shader.inputs["Normal"])
    return material, folding


def _fold(
    tree: bpy.types.NodeTree, color: bpy.types.NodeSocket, bump: bpy.types.ShaderNodeBump
) -> tuple[bpy.types.ShaderNodeTexImage, bpy.types.NodeSocket, bpy.types.ShaderNodeBump]:
    """Wrinkles over skin: a bump, and a darker, redder bottom, where little light would reach."""
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.interpolation = "Cubic"
    folded = _bump(tree, texture.outputs[0], FOLD_RANGE_MM * 0.001)
    tree.links.new(bump.outputs[0], folded.inputs["Normal"])
    depth = tree.nodes.new("ShaderNodeMapRange")  # 0 at the skin's own height, 1 at the depth named
    depth.inputs["From Min"].default_value = 0.5
    depth.inputs["From Max"].default_value = 0.5 - FOLD_DARKEST_MM / FOLD_RANGE_MM
    tree.links.new(texture.outputs[0], depth.inputs["Value"])
    shade = tree.nodes.new("ShaderNodeMix")
    shade.data_type, shade.blend_type = "RGBA", "MULTIPLY"
    sockets = {(s.name, s.type): s for s in shade.inputs if s.enabled}
    sockets["B", "RGBA"].default_value = (*FOLD_SHADE, 1)
    tree.links.new(depth.outputs[0], sockets["Factor", "VALUE"])
    tree.links.new(color, sockets["A", "RGBA"])
    return texture, next(s for s in shade.outputs if s.enabled), folded


def head_materials(
    textures: Textures, *, folds: bool
) -> tuple[list[bpy.types.Material], bpy.types.ShaderNodeTexImage | None]:
    """The materials of the head mesh, in the order of figure.HEAD_SLOTS, and the node of `skin`."""
    face, folding = skin(textures, "face", folds=folds)
    back, _ = skin(textures, "back")
    return [face, back, _socket(), _gums(), _teeth(), _tear_film(), _premolars(), _molars()], folding


def _socket() -> bpy.types.Material:
    return _plain("socket", (0.32, 0.07, 0.06), roughness=0.35, subsurface_weight=1, subsurface_scale=0.004,
                  subsurface_radius=(1, 0.3, 0.2))  # fmt: skip


def _gums() -> bpy.types.Material:
    """Wet, a little uneven; the faint glow stands for the bounces of light that are not traced."""
    color = (0.56, 0.17, 0.15)
    material = _plain("gum", color, roughness=0.30, subsurface_weight=1, subsurface_scale=0.004,
                      subsurface_radius=(1, 0.3, 0.2), coat_weight=0.5, coat_roughness=0.08,
                      emission_color=(*color, 1), emission_strength=0.012)  # fmt: skip
    tree = material.node_tree
    noise = _noise(tree, scale=900, detail=4)
    bump = _bump(tree, noise.outputs[0], 0.0003)
    tree.links.new(bump.outputs[0], tree.nodes["Principled BSDF"].inputs["Normal"])
    return material


def _teeth() -> bpy.types.Material:
    return _plain("teeth", (0.87, 0.81, 0.71), roughness=0.22, subsurface_weight=1, subsurface_scale=0.0022,
                  subsurface_radius=(1, 0.7, 0.5), coat_weight=0.6, coat_roughness=0.08)  # fmt: skip


def _premolars() -> bpy.types.Material:
    return _plain("premolars", (0.60, 0.48, 0.41), roughness=0.3, subsurface_weight=1,
                  subsurface_scale=0.0022, subsurface_radius=(1, 0.7, 0.5), coat_weight=0.4,
                  coat_roughness=0.1)  # fmt: skip


def _molars() -> bpy.types.Material:
    """As dark and red as light that has been round the cheeks leaves them; no bounces are traced there."""
    return _plain("molars", (0.26, 0.11, 0.09), roughness=0.6)


def _tear_film() -> bpy.types.Material:
    material = bpy.data.materials.new("wet")
    material.use_nodes = True
    tree = material.node_tree
    film = _thin_mirror(tree, roughness=0.06, ior=1.36)
    tree.links.new(film.outputs[0], tree.nodes["Material Output"].inputs[0])
    return material


def eyes(textures: Textures) -> tuple[bpy.types.Material, bpy.types.Material]:
    """(sclera with its clear cornea, iris)."""
    sclera, tree, shader = _principled(
        "sclera",
        roughness=0.22,
        coat_weight=0.9,
        coat_roughness=0.03,
        subsurface_weight=0.6,
        subsurface_scale=0.003,
    )
    texture = _image(tree, textures.sclera, "sRGB")
    tree.links.new(texture.outputs[0], shader.inputs["Base Color"])
    cornea = _thin_mirror(tree, roughness=0.02, ior=1.40)
    mix = tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(texture.outputs[1], mix.inputs[0])
    tree.links.new(cornea.outputs[0], mix.inputs[1])
    tree.links.new(shader.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], tree.nodes["Material Output"].inputs[0])
    iris, tree, shader = _principled("iris", roughness=0.5, specular_ior_level=0.2)
    tree.links.new(_image(tree, textures.iris, "sRGB").outputs[0], shader.inputs["Base Color"])
    return sclera, iris


def hair(melanin: float, redness: float, random_color: float = 0.35) -> bpy.types.Material:
    """Strands; random_color: how much single strands differ, 0..1."""
    material = bpy.data.materials.new("hair")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shader = tree.nodes.new("ShaderNodeBsdfHairPrincipled")
    shader.model = "CHIANG"
    shader.parametrization = "MELANIN"
    values = {"Melanin": melanin, "Melanin Redness": redness, "Roughness": 0.28, "Radial Roughness": 0.38}
    for name, value in (values | {"Random Color": random_color, "Random Roughness": 0.2}).items():
        shader.inputs[name].default_value = value
    tree.links.new(shader.outputs[0], output.inputs[0])
    return material


def brow_hair(color: HairColor) -> bpy.types.Material:
    """Eyebrows are darker, less red and more even than the hair of the head."""
    return hair(min(1, color.melanin * 1.15 + 0.12), color.redness * 0.7, random_color=0.1)


def cloth(color: Color) -> bpy.types.Material:
    """Knitted cotton: soft folds, a fine weave, a sheen."""
    material, tree, shader = _principled(
        "cloth",
        base_color=(*color, 1),
        roughness=0.85,
        sheen_weight=0.35,
        sheen_roughness=0.5,
        specular_ior_level=0.25,
    )
    folds = _noise(tree, scale=9, detail=3, distortion=0.6)
    large = _bump(tree, folds.outputs[0], 0.012, strength=0.6)
    weave = _noise(tree, scale=650, detail=2)
    small = _bump(tree, weave.outputs[0], 0.0006)
    tree.links.new(large.outputs[0], small.inputs["Normal"])
    tree.links.new(small.outputs[0], shader.inputs["Normal"])
    return material


def backdrop(image: bpy.types.Image) -> bpy.types.Material:
    """An image that shines by itself and takes no light."""
    material, emission = _shining("bg")
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    material.node_tree.links.new(texture.outputs[0], emission.inputs[0])
    return material


def white() -> bpy.types.Material:
    """Shines by itself: what is there, is seen."""
    return _shining("white")[0]


def _shining(name: str) -> tuple[bpy.types.Material, bpy.types.ShaderNodeEmission]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(emission.outputs[0], output.inputs[0])
    return material, emission


def _principled(
    name: str, **values: object
) -> tuple[bpy.types.Material, bpy.types.NodeTree, bpy.types.ShaderNodeBsdfPrincipled]:
    """A material of one Principled shader; values by socket name in lower case with underscores."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.subsurface_method = "BURLEY"
    sockets = {socket.name.lower().replace(" ", "_"): socket for socket in shader.inputs}
    for socket, value in values.items():
        sockets[socket].default_value = value
    return material, material.node_tree, shader


def _plain(name: str, color: Color, **values: object) -> bpy.types.Material:
    return _principled(name, base_color=(*color, 1), specular_ior_level=0.5, **values)[0]


def _image(tree: bpy.types.NodeTree, path: Path, color_space: str) -> bpy.types.ShaderNodeTexImage:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(path), check_existing=True)
    node.image.colorspace_settings.name = color_space
    node.interpolation = "Cubic"
    return node


def _noise(
    tree: bpy.types.NodeTree, scale: float, detail: float, distortion: float = 0.0
) -> bpy.types.ShaderNodeTexNoise:
    """Noise in the object's own coordinates."""
    node = tree.nodes.new("ShaderNodeTexNoise")
    node.inputs["Scale"].default_value = scale
    node.inputs["Detail"].default_value = detail
    node.inputs["Distortion"].default_value = distortion
    place = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(place.outputs["Object"], node.inputs["Vector"])
    return node


def _bump(
    tree: bpy.types.NodeTree, height: bpy.types.NodeSocket, distance_m: float, strength: float = 1.0
) -> bpy.types.ShaderNodeBump:
    node = tree.nodes.new("ShaderNodeBump")
    node.inputs["Distance"].default_value = distance_m
    node.inputs["Strength"].default_value = strength
    tree.links.new(height, node.inputs["Height"])
    return node


def _thin_mirror(tree: bpy.types.NodeTree, roughness: float, ior: float) -> bpy.types.ShaderNodeMixShader:
    """Clear from the front, a mirror at grazing angles; it bends no light, so it costs no deep paths."""
    clear = tree.nodes.new("ShaderNodeBsdfTransparent")
    mirror = tree.nodes.new("ShaderNodeBsdfGlossy")
    mirror.inputs["Roughness"].default_value = roughness
    fresnel = tree.nodes.new("ShaderNodeFresnel")
    fresnel.inputs[0].default_value = ior
    mix = tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(fresnel.outputs[0], mix.inputs[0])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(mirror.outputs[0], mix.inputs[2])
    return mix
