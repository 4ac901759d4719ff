"""Microphone mode and what else is asked for meanwhile; ids of what was refused."""

import json

import pytest

from tests.support.live_scenes import refused, with_client
from tests.support.live_server import Client, LiveServer

PIECE = b"\1\0" * 800


def test_an_interrupt_leaves_the_microphone_on() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("mirror.start", sample_rate=24_000)
        await client.send(PIECE)
        await client.tell("interrupt", id="stop")
        assert (await client.until("interrupted"))["id"] == "stop"
        (performance,) = server.engine.performances
        assert performance.mirror_rate == 24_000
        await client.send(PIECE)
        assert not [event for event in await client.flush() if event["type"] == "error"]
        assert performance.heard["mirror"] == PIECE * 2
        await client.tell("mirror.stop")
        await client.flush()
        assert performance.mirror_rate is None

    with_client(act)


@pytest.mark.parametrize("kind", ["say", "chat"])
def test_what_would_wait_for_the_microphone_is_refused(kind: str) -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("mirror.start", sample_rate=16_000)
        error = await refused(client, json.dumps({"type": kind, "text": "Hello.", "id": 7}))
        assert (error["code"], error["id"], error["retryable"]) == ("busy", 7, True)
        assert "mirror.stop" in error["message"]

    with_client(act)


def test_an_event_never_bears_the_id_of_what_was_refused() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("emotion.set", emotion="joy", id="good")
        wrong = {"type": "emotion.set", "emotion": "joy", "ttl_s": -1, "id": "bad"}
        assert (await refused(client, json.dumps(wrong)))["id"] == "bad"
        events = await client.flush()
        assert "bad" not in [event.get("id") for event in events if event["type"] == "emotion"]

    with_client(act)


def test_each_state_that_was_asked_for_is_told_under_its_id() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("state.set", state="listening", id="s1")
        await client.tell("state.set", state="thinking", id="s2")
        told = [(await client.until("state")) for _ in range(2)]
        assert [(event["state"], event.get("id")) for event in told] == [
            ("listening", "s1"),
            ("thinking", "s2"),
        ]

    with_client(act)
