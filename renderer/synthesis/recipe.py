"""What an avatar looks like, as data: the recipe and its JSON file. Knows no array and no picture.

A recipe is a JSON object with the fields of `Recipe` below (nested objects for hair, brows, skin, eyes and
light); `avatars/ava.json` is one. Fields that have a default may be left out; an unknown one is an error.
Every file of a cache and every picture is a function of the recipe, so changing a field makes another
avatar, never a mixture.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.names import SHAPE_NAMES

Color = tuple[float, float, float]
BUILT_IN = Path(__file__).parent / "avatars"

HAIR_STYLES = ("short", "bob", "long", "slick", "ponytail", "shag")
SKIN_TONES: dict[str, Color] = {
    "porcelain": (0.905, 0.735, 0.655),
    "light": (0.86, 0.665, 0.565),
    "medium": (0.79, 0.58, 0.46),
    "olive": (0.70, 0.50, 0.38),
    "tan": (0.60, 0.41, 0.30),
    "brown": (0.45, 0.295, 0.21),
    "deep": (0.37, 0.25, 0.19),
}
"""sRGB of the bare skin."""


@dataclass(frozen=True)
class HairColor:
    """A hair color, for strands and for the skin they grow from."""

    melanin: float
    "0 white .. 1 black, the parameter of the hair shader"
    redness: float
    "0 brown-black (eumelanin) .. 1 red (pheomelanin)"
    root: Color
    "linear RGB of the stubble seen on the scalp and under the brows"


HAIR_COLORS = {
    "dark": HairColor(0.78, 0.30, (0.045, 0.03, 0.022)),
    "brown": HairColor(0.58, 0.45, (0.12, 0.075, 0.045)),
    "auburn": HairColor(0.50, 0.85, (0.16, 0.07, 0.04)),
    "blonde": HairColor(0.22, 0.35, (0.38, 0.27, 0.15)),
    "black": HairColor(1.0, 0.2, (0.02, 0.018, 0.016)),
}


@dataclass(frozen=True)
class Hair:
    """The hair of the head."""

    style: str
    "one of HAIR_STYLES"
    color: str
    "one of HAIR_COLORS"
    density: float = 1.0
    "strands, as a factor on the style's own count"
    strand_radius_cm: float = 0.0115
    "thicker than a real hair: one strand stands for several"
    hairline_cm: tuple[float, float] = (0.28, 0.62)
    "the scalp is tinted fully nearer to a root than the first, not at all farther than the second"


@dataclass(frozen=True)
class Brows:
    """The eyebrows."""

    design: int = 11
    "number of the CharMorph-Vitruvian eyebrow groom, 1..14"
    keep: float = 0.6
    "share of its hairs that is kept, 0..1"


@dataclass(frozen=True)
class Skin:
    """The skin; all amounts 0..1 unless said otherwise."""

    tone: str = "light"
    "one of SKIN_TONES"
    lip_color: Color = (0.64, 0.27, 0.28)
    "sRGB on light skin; darker skins darken it"
    lip_opacity: float = 0.82
    blush: float = 0.5
    freckles: float = 0.0
    moles: int = 6
    "how many"
    stubble: float = 0.0
    scalp: float = 1.0
    "how strongly hair tints the scalp"
    age: float = 0.2
    "depth of the forehead's lines"
    wrinkles: float = 0.0
    "depth of the folds that expressions make; 1 is an adult's, 0 none"
    makeup: float = 0.0
    brow_shadow: float = 0.5


@dataclass(frozen=True)
class Eyes:
    """The irises, linear RGB."""

    inner: Color
    "around the pupil"
    outer: Color
    "at the rim"
    pupil: float = 0.34
    "radius as a share of the iris"


@dataclass(frozen=True)
class Light:
    """Power of the studio's lamps, watts; `front` sits by the camera: no open mouth is a black hole."""

    key: float
    fill: float
    rim: float
    front: float


@dataclass(frozen=True)
class Recipe:
    """One synthetic person."""

    name: str
    seed: int
    "of skin and iris"
    identity: tuple[float, ...]
    "ICT-FaceKit identity weights, standard deviations; at most 100, the rest is 0"
    hair: Hair
    eyes: Eyes
    light: Light
    shirt_color: Color
    "linear RGB"
    background_seed: int
    brows: Brows = Brows()
    skin: Skin = Skin()
    rest: Mapping[str, float] = field(default_factory=dict)
    "shapes of the head model (not ARKit names) that belong to the resting face"

    def __post_init__(self) -> None:
        _expect(
            self.hair.style in HAIR_STYLES, "hair.style", self.hair.style, f"one of {', '.join(HAIR_STYLES)}"
        )
        _expect(
            self.hair.color in HAIR_COLORS, "hair.color", self.hair.color, f"one of {', '.join(HAIR_COLORS)}"
        )
        _expect(self.skin.tone in SKIN_TONES, "skin.tone", self.skin.tone, f"one of {', '.join(SKIN_TONES)}")
        _expect(len(self.identity) <= 100, "identity", len(self.identity), "at most 100 numbers")
        _expect(1 <= self.brows.design <= 14, "brows.design", self.brows.design, "1 to 14")
        _expect(self.hair.density > 0, "hair.density", self.hair.density, "above 0")
        _expect(
            0 < self.hair.hairline_cm[0] < self.hair.hairline_cm[1],
            "hair.hairline_cm",
            self.hair.hairline_cm,
            "two rising distances",
        )
        for shape in self.rest:
            _expect(shape in SHAPE_NAMES, "rest", shape, "names of head-model shapes such as mouthSmile_L")

    @property
    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of all fields: what is baked for a recipe is cached under it."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _expect(condition: bool, where: str, value: object, expected: str) -> None:
    if not condition:
        raise SynthesisError(f"recipe: {where} is {value!r}, expected {expected}.")


def load_recipe(name_or_path: str) -> Recipe:
    """A built-in avatar by name ("ava"), or any recipe by the path of its JSON file."""
    path = Path(name_or_path)
    if path.suffix != ".json":
        path = BUILT_IN / f"{name_or_path}.json"
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in BUILT_IN.glob("*.json")))
            raise SynthesisError(
                f"unknown avatar '{name_or_path}': expected one of {known}, or a recipe.json file."
            )
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SynthesisError(f"recipe {path} cannot be read as JSON: {error}.") from error
    return recipe_from(fields)


def recipe_from(fields: Any) -> Recipe:
    """A recipe from parsed JSON. SynthesisError names the field that is wrong, missing or unknown."""
    parts = {"hair": Hair, "eyes": Eyes, "light": Light, "brows": Brows, "skin": Skin}
    nested = {
        key: _build(parts[key], value, key) if key in parts else value
        for key, value in _object(fields, "recipe").items()
    }
    return _build(Recipe, nested, "recipe")


Part = TypeVar("Part")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SynthesisError(f"recipe: {where} is {value!r}, expected a JSON object.")
    return value


def _build(kind: type[Part], value: Any, where: str) -> Part:
    given = _object(value, where)
    fields = {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            raise SynthesisError(
                f"recipe: unknown field '{name}' in {where}"
                + (f": did you mean '{near[0]}'?" if near else ".")
            )
    for name, each in fields.items():
        needed = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if needed and name not in given:
            raise SynthesisError(f"recipe: {where} has no '{name}', expected {each.type}.")
    checked = {name: _value(str(fields[name].type), item, f"{where}.{name}") for name, item in given.items()}
    return kind(**checked)


def _value(kind: str, value: Any, where: str) -> Any:
    """A JSON value as the field's type, or a clear line."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    numbers = isinstance(value, list) and all(
        isinstance(x, (int, float)) and not isinstance(x, bool) for x in value
    )
    length = {"Color": 3, "tuple[float, float]": 2}.get(kind)
    fits = {
        "str": isinstance(value, str),
        "float": number,
        "int": number and float(value).is_integer(),
        "Color": numbers and len(value) == length,
        "tuple[float, float]": numbers and len(value) == length,
        "tuple[float, ...]": numbers,
        "Mapping[str, float]": isinstance(value, dict)
        and all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in value.values()),
    }
    if not fits.get(kind, True):
        expected = {
            "Color": "three numbers",
            "tuple[float, float]": "two numbers",
            "tuple[float, ...]": "numbers",
        }
        raise SynthesisError(f"recipe: {where} is {value!r}, expected {expected.get(kind, kind)}.")
    return tuple(value) if isinstance(value, list) else value
