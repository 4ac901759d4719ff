import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.problems import CODES, Problem
from avatar_engine.drivers.live.service.socket.messages import (
    KINDS,
    Message,
    error_text,
    event_text,
    message_id,
    parse,
    read_object,
)

LIMITS = Limits()
GOOD: dict[str, dict[str, Any]] = {
    "speech.start": {"sample_rate": 24_000, "text": "hello"},
    "speech.text": {"text": " there"},
    "speech.end": {},
    "say": {"text": "hello"},
    "chat": {"text": "hello?"},
    "emotion.set": {"emotion": "joy", "intensity": 0.8, "ttl_s": 5},
    "state.set": {"state": "thinking"},
    "interrupt": {},
    "motion.subscribe": {},
    "motion.unsubscribe": {},
    "mirror.start": {"sample_rate": 48_000},
    "mirror.stop": {},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def read(text: str) -> Message:
    return parse(read_object(text, LIMITS), LIMITS)


def refusal(text: str) -> Problem:
    with pytest.raises(Problem) as caught:
        read(text)
    return caught.value


def test_every_kind_has_an_example_here() -> None:
    assert set(GOOD) == set(KINDS)


@pytest.mark.parametrize("kind", GOOD)
def test_good_messages_are_read(kind: str) -> None:
    message = read(json.dumps({"type": kind, "id": "x1", **GOOD[kind]}))
    assert message.kind == kind and message.id == "x1"
    assert GOOD[kind].items() <= message.values.items()


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "bad_request", "not JSON"),
        ("[]", "bad_request", "a JSON object is expected, not a list"),
        ("nul", "bad_request", "not JSON"),
        ('{"type": "interrupt", "id": NaN}', "bad_request", "NaN is no JSON number"),
        ('{"type": 5}', "bad_request", '"type" (a string)'),
        ("{}", "bad_request", '"type"'),
        ('{"type": "intrupt"}', "bad_request", "did you mean 'interrupt'?"),
        ('{"type": "interrupt", "idd": 1}', "bad_request", "unknown field 'idd'"),
        ('{"type": "interrupt", "id": true}', "bad_request", "id must be a string"),
        ('{"type": "interrupt", "id": ""}', "bad_request", "id must be a string"),
        ('{"type": "interrupt", "id": 1e400}', "bad_request", "id must be a string"),
        ('{"type": "interrupt", "id": {"a": 1}}', "bad_request", "not an object"),
        ('{"type": "say"}', "bad_request", "say: text is missing"),
        ('{"type": "say", "text": "  "}', "bad_request", "must not be empty"),
        ('{"type": "say", "text": "\\ud800"}', "bad_request", "surrogate"),
        ('{"type": "say", "text": ["a"]}', "bad_request", "must be a string, not a list"),
        ('{"type": "speech.start"}', "unsupported_audio", "sample_rate is missing"),
        ('{"type": "speech.start", "sample_rate": 44100}', "unsupported_audio", "16000, 24000, 48000"),
        ('{"type": "speech.start", "sample_rate": 16000.5}', "unsupported_audio", "not 16000.5"),
        ('{"type": "speech.start", "sample_rate": true}', "unsupported_audio", "not True"),
        ('{"type": "emotion.set", "emotion": "happy"}', "bad_request", "must be one of anger"),
        ('{"type": "emotion.set", "emotion": "joyy"}', "bad_request", "did you mean 'joy'?"),
        ('{"type": "emotion.set"}', "bad_request", "emotion is missing"),
        ('{"type": "emotion.set", "emotion": "joy", "intensity": 1e999}', "bad_request", "0..1"),
        ('{"type": "emotion.set", "emotion": "joy", "intensity": 2}', "bad_request", "0..1"),
        ('{"type": "emotion.set", "emotion": "joy", "ttl_s": -1}', "bad_request", "ttl_s"),
        ('{"type": "state.set", "state": "speaking"}', "bad_request", "idle, listening, thinking"),
        ('{"type": "state.set", "state": ["idle"]}', "bad_request", "a list"),
    ],
)
def test_wrong_messages_are_refused_in_words(text: str, code: str, says: str) -> None:
    problem = refusal(text)
    assert (problem.code, says in problem.message) == (code, True), problem.message


def test_long_things_are_too_large_and_not_repeated() -> None:
    for text in (
        json.dumps({"type": "say", "text": "a" * (LIMITS.text_chars + 1)}),
        " " * (LIMITS.message_bytes + 1),
        "é" * (LIMITS.message_bytes // 2 + 1),
    ):
        problem = refusal(text)
        assert problem.code == "too_large" and len(problem.message) < 200
    number = '{"type":"emotion.set","emotion":"joy","intensity":' + "9" * 4_000 + "}"
    assert "huge number" in refusal(number).message
    assert refusal('{"type":"say","text":' + "9" * 50_000 + "}").code == "bad_request"
    assert refusal("[" * 60_000).code == "bad_request"


def test_null_ends_an_override_and_leaves_the_others_to_default() -> None:
    message = read('{"type": "emotion.set", "emotion": null, "intensity": null}')
    assert message.values == {"emotion": None, "intensity": None, "ttl_s": None}


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except Problem as problem:
        assert problem.code in CODES
        json.loads(error_text(problem))


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.text(max_size=8), JSON, max_size=4), st.data())
def test_any_object_is_read_or_refused(kind: str, extra: dict[str, Any], data: st.DataObject) -> None:
    content: dict[str, Any] = {"type": kind, **extra}
    for field in KINDS[kind][1]:
        if data.draw(st.booleans()):
            content[field] = data.draw(JSON)
    if data.draw(st.booleans()):
        content["id"] = data.draw(JSON)
    try:
        name = message_id(content, LIMITS)
        message = parse(content, LIMITS)
    except Problem as problem:
        assert "\n" not in problem.message and len(problem.message) <= 400
        return
    assert set(message.values) == set(KINDS[kind][1])
    assert json.loads(event_text("x", id=name)).get("id") == name
