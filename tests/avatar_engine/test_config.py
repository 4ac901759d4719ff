from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.config import EmotionChoice, MotionOptions, RenderOptions, options_from
from avatar_engine.errors import UsageError


def test_an_emotion_is_parsed_with_and_without_its_intensity() -> None:
    assert EmotionChoice.parse("joy") == EmotionChoice("joy", 1.0)
    assert EmotionChoice.parse(" sadness:0.25 ") == EmotionChoice("sadness", 0.25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jou", "did you mean 'joy'"),
        ("joy:", "a number in 0..1"),
        ("joy:loud", "a number in 0..1, not 'loud'"),
        ("joy:1.2", "0..1, not 1.2"),
        ("joy:nan", "0..1, not nan"),
        ("", "unknown emotion ''"),
    ],
)
def test_a_bad_emotion_is_named_with_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        EmotionChoice.parse(text)


def test_an_unknown_option_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="unknown option 'sizes' .did you mean 'size'"):
        options_from(RenderOptions, {"sizes": 256})
    assert options_from(RenderOptions, {"size": 256}) == RenderOptions(size=256)


@pytest.mark.parametrize(
    "values", [{"seed": -1}, {"seed": 1.5}, {"seed": True}, {"liveliness": 3}, {"emotion_strength": "much"}]
)
def test_motion_options_are_checked_when_made(values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        options_from(MotionOptions, values)


@pytest.mark.parametrize("values", [{"size": 100}, {"device": "gpu"}, {"threads": 0}])
def test_render_options_are_checked_when_made(values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        options_from(RenderOptions, values)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser_of_emotions(text: str) -> None:
    try:
        choice = EmotionChoice.parse(text)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert 0 <= choice.intensity <= 1
