from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.hair import STYLES
from renderer.synthesis.recipe import BUILT_IN, HAIR_STYLES, load_recipe, recipe_from


def fields() -> dict:
    return json.loads((BUILT_IN / "ava.json").read_text(encoding="utf-8"))


def test_ava_is_built_in_and_a_file_with_the_same_words_is_the_same_avatar(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(fields()), encoding="utf-8")
    assert load_recipe("ava") == load_recipe(str(path))
    assert load_recipe("ava").digest == load_recipe(str(path)).digest


def test_any_change_makes_another_digest() -> None:
    ava = load_recipe("ava")
    changed = dataclasses.replace(ava, skin=dataclasses.replace(ava.skin, blush=0.51))
    assert changed.digest != ava.digest


def test_what_has_a_default_may_be_left_out() -> None:
    short = fields()
    del short["skin"], short["rest"], short["hair"]["density"]
    assert recipe_from(short).hair.density == 1.0


def test_every_style_of_the_recipe_can_be_grown() -> None:
    assert set(HAIR_STYLES) == set(STYLES)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("skin", "freckels"), 0.1, r"unknown field 'freckels' in skin: did you mean 'freckles'\?"),
        (("hair", "style"), "mohawk", r"hair.style is 'mohawk', expected one of short, bob"),
        (("hair", "color"), "green", r"hair.color is 'green', expected one of dark"),
        (("skin", "tone"), "blue", r"skin.tone is 'blue'"),
        (("identity",), [0.1] * 101, r"identity is 101, expected at most 100"),
        (("identity",), "tall", r"recipe.identity is 'tall', expected numbers"),
        (("seed",), 1.5, r"recipe.seed is 1.5, expected int"),
        (("skin", "lip_color"), [0.1, 0.2], r"skin.lip_color is \[0.1, 0.2\], expected three numbers"),
        (("hair", "hairline_cm"), [0.5, 0.1], r"hair.hairline_cm"),
        (("brows", "design"), 15, r"brows.design is 15"),
        (("rest", "mouthSmileLeft"), 0.1, r"rest is 'mouthSmileLeft', expected names of head-model shapes"),
        (("light",), 3, r"light is 3, expected a JSON object"),
        (("hair", "density"), True, r"hair.density is True"),
    ],
)
def test_a_wrong_field_is_named(path: tuple[str, ...], value: object, message: str) -> None:
    wrong = fields()
    place = wrong
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(SynthesisError, match=message):
        recipe_from(wrong)


def test_a_missing_field_is_named() -> None:
    wrong = fields()
    del wrong["eyes"]["inner"]
    with pytest.raises(SynthesisError, match="eyes has no 'inner', expected Color"):
        recipe_from(wrong)


def test_an_unknown_avatar_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"unknown avatar 'eva': expected one of ava"):
        load_recipe("eva")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(SynthesisError, match="cannot be read as JSON"):
        load_recipe(str(broken))
