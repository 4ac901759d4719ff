"""Values from outside: JSON read strictly, numbers, names, texts in their ranges; each refusal a Problem."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from avatar_engine.config import nearest
from avatar_engine.drivers.live.service.problems import Problem, quote


def json_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object, strictly: no NaN, no Infinity, nothing nested beyond reason."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except Problem:
        raise
    except json.JSONDecodeError as error:
        raise Problem("bad_request", f"not JSON: {error.msg} at character {error.pos}", status=400) from None
    except (ValueError, RecursionError):
        raise Problem("bad_request", "not JSON that can be read here", status=400) from None
    if not isinstance(value, dict):
        raise Problem("bad_request", f"a JSON object is expected, not {quote(value)}", status=400)
    return value


def number(value: Any, name: str, low: float, high: float) -> float:
    """A finite number in low..high."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Problem("bad_request", f"{name} must be a number in {low:g}..{high:g}, not {quote(value)}")
    if not math.isfinite(value) if isinstance(value, float) else value.bit_length() > 64:
        raise Problem("bad_request", f"{name} must lie in {low:g}..{high:g}, not {quote(value)}")
    if not low <= value <= high:
        raise Problem("bad_request", f"{name} must lie in {low:g}..{high:g}, not {quote(value)}")
    return float(value)


def whole(value: Any) -> Any:
    """256.0 as 256: JSON knows one kind of number. Everything else as it is, for the caller to check."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def one_of(known: tuple[str, ...], value: Any, name: str) -> str:
    """A word of `known`."""
    if isinstance(value, str) and value in known:
        return value
    hint = nearest(value[:64], known) if isinstance(value, str) else ""
    raise Problem("bad_request", f"{name} must be one of {', '.join(known)}, not {quote(value)}{hint}")


def check_unicode(text: str, name: str) -> str:
    """`text` if it can be written as UTF-8: JSON may hold half a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Problem("bad_request", f"{name} holds half a surrogate pair, which is no text") from None
    return text


def _no_constant(name: str) -> NoReturn:
    raise Problem("bad_request", f"not JSON: {name} is no JSON number", status=400)
