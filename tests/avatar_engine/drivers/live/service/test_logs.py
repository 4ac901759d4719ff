import io
import json
import logging
from collections.abc import Iterator

import pytest

from avatar_engine.drivers.live.service import logs


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    named = [logging.getLogger(name) for name in (logs.ROOT, *logs.FOREIGN)]
    before = [(logger, logger.handlers, logger.propagate, logger.level) for logger in named]
    yield
    for logger, handlers, propagate, level in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields() -> None:
    stream = io.StringIO()
    logs.configure("info", debug=False, stream=stream)
    logs.event(logging.getLogger("avatar_engine.x"), "session opened", session="a", size=256)
    (line,) = lines(stream)
    assert {"event": "session opened", "session": "a", "size": 256, "level": "info"}.items() <= line.items()
    assert str(line["time"]).endswith("Z")


def test_below_the_level_nothing_is_written() -> None:
    stream = io.StringIO()
    logs.configure("warning", debug=False, stream=stream)
    logs.event(logging.getLogger("avatar_engine.x"), "session opened")
    logging.getLogger("uvicorn.error").info('"WebSocket /ws?token=secret" [accepted]')
    assert not stream.getvalue()


def test_a_fault_is_logged_by_type_and_place_without_what_a_user_said() -> None:
    def broken() -> None:
        raise RuntimeError("what the user said")

    for debug in (False, True):
        stream = io.StringIO()
        logs.configure("info", debug=debug, stream=stream)
        try:
            broken()
        except RuntimeError as error:
            logs.failure(logging.getLogger("avatar_engine.x"), "message failed", error, session="a")
        (line,) = lines(stream)
        assert line["error"] == "RuntimeError"
        assert "broken" in str(line["at"])
        assert ("what the user said" in stream.getvalue()) is debug
