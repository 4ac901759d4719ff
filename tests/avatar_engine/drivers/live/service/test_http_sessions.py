"""Sessions and their viewers over HTTP, on a real socket with the fake engine: options, keys, WHEP."""

import asyncio
import socket
from dataclasses import replace

import pytest

from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.options import IceHelp
from tests.support.engine_fakes import FakeEngine
from tests.support.live_scenes import check_problem, with_server
from tests.support.live_server import LiveServer

OFFER = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
JSON = "application/json"


def test_a_session_from_its_beginning_to_its_end() -> None:
    async def act(server: LiveServer) -> None:
        session = await server.open(avatar="tiny", size=384, seed=5, emotion="joy:0.5")
        assert session["whep_url"].startswith(server.url)
        assert session["ws_url"].startswith("ws://127.0.0.1:") and session["token"] in session["ws_url"]
        assert session["expires_at"].endswith("Z")
        (performance,) = server.engine.performances
        assert (performance.options.avatar, performance.options.size, performance.options.seed) == (
            "tiny",
            384,
            5,
        )
        assert (performance.options.emotion.name, performance.options.emotion.intensity) == ("joy", 0.5)
        path, bearer = f"/v1/sessions/{session['session_id']}", f"Bearer {session['token']}"
        assert (await server.call("DELETE", path, authorization=bearer)).status == 204
        assert performance.closed == "ended"
        check_problem(await server.call("DELETE", path, authorization=bearer), 410, "expired", "has ended")

    with_server(act)


def test_no_body_means_all_defaults() -> None:
    async def act(server: LiveServer) -> None:
        answer = await server.call("POST", "/v1/sessions")
        assert (answer.status, answer.json["avatar"], answer.json["size"]) == (201, "ava", 256)

    with_server(act)


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ("{", 400, "bad_request", "not JSON"),
        ("[]", 400, "bad_request", "a JSON object"),
        ('{"size": NaN}', 400, "bad_request", "NaN"),
        (b"\xff{}", 400, "bad_request", "UTF-8"),
        ("[" * 50_000, 400, "bad_request", "JSON"),
        ("{" + " " * 70_000 + "}", 413, "too_large", "65536"),
        ('{"sise": 256}', 422, "bad_request", "did you mean 'size'?"),
        ('{"avatar": "eva"}', 422, "bad_request", "did you mean 'ava'?"),
        ('{"avatar": "../ava"}', 422, "bad_request", "one of ava, tiny"),
        ('{"avatar": null}', 422, "bad_request", "one of ava, tiny"),
        ('{"size": 300}', 422, "bad_request", "256, 384, 512"),
        ('{"size": true}', 422, "bad_request", "not True"),
        ('{"seed": -1}', 422, "bad_request", "whole number"),
        ('{"seed": 1.5}', 422, "bad_request", "whole number"),
        ('{"emotion": "happy"}', 422, "bad_request", "unknown emotion"),
        ('{"emotion": "joy:2"}', 422, "bad_request", "0..1"),
        ('{"emotion": {"emotion": "joy", "intensity": 7}}', 422, "bad_request", "intensity"),
        ('{"emotion": 7}', 422, "bad_request", "joy:0.8"),
    ],
)
def test_wrong_options_are_refused_in_words(body: str | bytes, status: int, code: str, says: str) -> None:
    async def act(server: LiveServer) -> None:
        check_problem(await server.call("POST", "/v1/sessions", body, content_type=JSON), status, code, says)
        assert not server.engine.performances

    with_server(act)


def test_what_is_not_json_is_another_media_type() -> None:
    async def act(server: LiveServer) -> None:
        check_problem(
            await server.call("POST", "/v1/sessions", "a=b", content_type="text/plain"), 415, "bad_request"
        )

    with_server(act)


def test_a_body_that_never_comes_is_not_waited_for() -> None:
    def half(url: str) -> bytes:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = f"POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n{{"
            connection.sendall(head.encode())
            return connection.recv(4_096)

    async def act(server: LiveServer) -> None:
        assert b" 408 " in await asyncio.to_thread(half, server.url)

    with_server(act, limits=replace(Limits(), body_s=0.05))


def test_a_full_machine_says_when_to_come_back() -> None:
    async def act(server: LiveServer) -> None:
        await server.open()
        answer = await server.call("POST", "/v1/sessions")
        check_problem(answer, 503, "busy", "full")
        assert answer.headers["retry-after"] == "7" and answer.json["retryable"]
        assert server.metrics.total("sessions_rejected_total") == 1

    with_server(act, FakeEngine(capacity=1))


def test_the_servers_own_limit_holds() -> None:
    async def act(server: LiveServer) -> None:
        await server.open()
        answer = await server.call("POST", "/v1/sessions")
        check_problem(answer, 503, "busy", "--max-sessions")
        assert "retry-after" in answer.headers

    with_server(act, limits=replace(Limits(), sessions=1))


def test_keys_are_asked_for_where_there_are_some() -> None:
    async def act(server: LiveServer) -> None:
        for given in (None, "Bearer wrong-key-1", "Basic good-key-1", "Bearer"):
            answer = await server.call("POST", "/v1/sessions", authorization=given)
            check_problem(answer, 401, "unauthorized", "API key")
            assert answer.headers["www-authenticate"] == "Bearer"
        session = await server.open("good-key-1")
        assert (await server.call("GET", "/v1/info")).json["auth"] is True
        path = f"/v1/sessions/{session['session_id']}"
        # A key may end a session, but it opens none of its channels.
        whep = await server.call(
            "POST", f"{path}/whep", OFFER, content_type=SDP, authorization="Bearer good-key-1"
        )
        check_problem(whep, 401, "unauthorized", "token")
        assert (await server.call("DELETE", path, authorization="Bearer good-key-1")).status == 204

    with_server(act, api_keys=("good-key-1", "good-key-2"))


def test_a_token_opens_its_own_session_only() -> None:
    async def act(server: LiveServer) -> None:
        one, two = await server.open(), await server.open()
        for token in (two["token"], "", "x" * 1_000):
            path = f"/v1/sessions/{one['session_id']}"
            bearer = f"Bearer {token}"
            check_problem(await server.call("DELETE", path, authorization=bearer), 401, "unauthorized")
            answer = await server.call("POST", f"{path}/whep", OFFER, content_type=SDP, authorization=bearer)
            check_problem(answer, 401, "unauthorized")
        assert not any(performance.viewers for performance in server.engine.performances)

    with_server(act)


def test_whep_from_offer_to_delete() -> None:
    async def act(server: LiveServer) -> None:
        session = await server.open()
        path, bearer = f"/v1/sessions/{session['session_id']}/whep", f"Bearer {session['token']}"
        answer = await server.call(
            "POST", path, OFFER, content_type=f"{SDP}; charset=utf-8", authorization=bearer
        )
        assert (answer.status, answer.headers["content-type"]) == (201, SDP)
        assert answer.body.startswith(b"v=0")
        viewer = answer.headers["location"]
        assert viewer.startswith(path) and "stun:stun.example" in answer.headers["link"]
        patch = await server.call(
            "PATCH", viewer, "a=candidate:1", content_type=FRAGMENT, authorization=bearer
        )
        assert patch.status == 204
        assert (await server.call("DELETE", viewer, authorization=bearer)).status == 200
        check_problem(
            await server.call("DELETE", viewer, authorization=bearer), 404, "not_found", "no viewer"
        )
        options = await server.call("OPTIONS", path)
        assert (options.status, options.headers["accept-post"]) == (204, SDP)

    with_server(act, ice=(IceHelp("stun:stun.example:3478"),))


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        ("", SDP, 400, "not an SDP offer"),
        ("hello", SDP, 400, "not an SDP offer"),
        ("v=0\r\n", SDP, 400, "no video"),
        (b"\xff\xfe", SDP, 400, "UTF-8"),
        (OFFER, "text/plain", 415, "application/sdp"),
        (OFFER, None, 415, "application/sdp"),
        ("v=0" + "x" * 70_000, SDP, 413, "65536"),
    ],
)
def test_malformed_offers_are_refused_in_words(
    body: str | bytes, kind: str | None, status: int, says: str
) -> None:
    async def act(server: LiveServer) -> None:
        session = await server.open()
        path, bearer = f"/v1/sessions/{session['session_id']}/whep", f"Bearer {session['token']}"
        answer = await server.call("POST", path, body, content_type=kind, authorization=bearer)
        assert answer.status == status and says in answer.json["message"], answer

    with_server(act)


def test_a_viewer_too_many_and_an_engine_that_does_not_answer() -> None:
    async def act(server: LiveServer) -> None:
        session = await server.open()
        path, bearer = f"/v1/sessions/{session['session_id']}/whep", f"Bearer {session['token']}"
        (performance,) = server.engine.performances
        performance.watch_delay = 60.0
        slow = await server.call("POST", path, OFFER, content_type=SDP, authorization=bearer)
        check_problem(slow, 504, "internal", "within 0.05 s")
        performance.watch_delay = 0.0
        assert (await server.call("POST", path, OFFER, content_type=SDP, authorization=bearer)).status == 201
        full = await server.call("POST", path, OFFER, content_type=SDP, authorization=bearer)
        check_problem(full, 503, "busy", "1 viewers")

    with_server(act, limits=replace(Limits(), viewers=1, watch_s=0.05))
