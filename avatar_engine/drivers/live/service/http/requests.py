"""What a request brings: its body within limits, session options, bearer tokens. Every refusal a Problem."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from avatar_engine.config import LARGEST_SEED, EmotionChoice, MotionOptions, RenderOptions, nearest
from avatar_engine.drivers.live.interface import Engine, SessionOptions
from avatar_engine.drivers.live.service.checks import json_object, number, one_of, whole
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.problems import Problem, quote
from avatar_engine.errors import UsageError
from avatar_engine.names import EMOTION_NAMES

OPTION_NAMES = ("avatar", "size", "seed", "emotion")


async def body_of(request: Request, limits: Limits) -> bytes:
    """The whole body; Problem where it is too long or takes too long."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > limits.body_bytes:
        raise _too_long(limits)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            async for part in request.stream():
                size += len(part)
                if size > limits.body_bytes:
                    raise _too_long(limits)
                parts.append(part)
    except TimeoutError:
        raise Problem(
            "bad_request",
            f"the body did not arrive within {limits.body_s:g} s",
            status=408,
            retryable=True,
        ) from None
    except ClientDisconnect:
        raise Problem("bad_request", "the client went away", status=400) from None
    return b"".join(parts)


def media_type(request: Request) -> str:
    """Without parameters, lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def text_of(request: Request, limits: Limits, kind: str) -> str:
    """The body as text of one media type."""
    if media_type(request) != kind:
        raise Problem(
            "bad_request", f"Content-Type must be {kind}, not {quote(media_type(request))}", status=415
        )
    try:
        return (await body_of(request, limits)).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("bad_request", "the body is not UTF-8 text", status=400) from None


async def session_options(request: Request, engine: Engine, limits: Limits) -> SessionOptions:
    """Those in the body of POST /v1/sessions; nothing at all means all defaults."""
    body = await body_of(request, limits)
    if not body.strip():
        return options_from({}, engine)
    if media_type(request) != "application/json":
        raise Problem("bad_request", "Content-Type must be application/json", status=415)
    try:
        return options_from(json_object(body.decode("utf-8")), engine)
    except UnicodeDecodeError:
        raise Problem("bad_request", "the body is not UTF-8 text", status=400) from None


def options_from(given: dict[str, Any], engine: Engine) -> SessionOptions:
    """Checked against what the engine has."""
    for key in given:
        if key not in OPTION_NAMES:
            hint = nearest(key[:64], OPTION_NAMES) or f": there are {', '.join(OPTION_NAMES)}"
            raise Problem("bad_request", f"unknown option {quote(key)}{hint}")
    own = RenderOptions().avatar
    avatar = given.get("avatar", own if own in engine.avatars else engine.avatars[0])
    size = whole(given.get("size", engine.default_size))
    if isinstance(size, bool) or not isinstance(size, int) or size not in engine.sizes:
        known = ", ".join(map(str, engine.sizes))
        raise Problem("bad_request", f"size must be one of {known}, not {quote(size)}")
    seed = whole(given.get("seed", MotionOptions().seed))
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise Problem("bad_request", f"seed must be a whole number in 0..{LARGEST_SEED}, not {quote(seed)}")
    return SessionOptions(
        avatar=one_of(engine.avatars, avatar, "avatar"),
        size=size,
        seed=seed,
        emotion=_emotion(given.get("emotion")),
    )


def _emotion(value: Any) -> EmotionChoice | None:
    match value:
        case None:
            return None
        case str():
            try:
                return EmotionChoice.parse(value[:64])
            except UsageError as error:
                raise Problem("bad_request", str(error)) from None
        case dict() if set(value) <= {"emotion", "intensity"} and "emotion" in value:
            name = one_of(EMOTION_NAMES, value["emotion"], "emotion")
            return EmotionChoice(name, number(value.get("intensity", 1.0), "emotion: intensity", 0.0, 1.0))
    raise Problem(
        "bad_request",
        f'emotion must be "joy:0.8" or {{"emotion": "joy", "intensity": 0.8}}, not {quote(value)}',
    )


def _too_long(limits: Limits) -> Problem:
    return Problem("too_large", f"a body of more than {limits.body_bytes} bytes")
