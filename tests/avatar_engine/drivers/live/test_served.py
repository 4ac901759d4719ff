"""The whole server around the real engine: HTTP, WebSocket, WebRTC, worker processes with tiny avatars."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import websockets

from avatar_engine import assembly
from avatar_engine.drivers.live.engine import MediaOptions, build_engine
from avatar_engine.drivers.live.worker.handle import WorkerProcess
from tests.support import live_cast
from tests.support.live_cast import TROUPE, dye
from tests.support.live_server import Client, LiveServer, request, serving
from tests.support.viewers import Viewer

FRAGMENT = "application/trickle-ice-sdpfrag"
RATE = 48_000
TONES = {"rosa": 440.0, "viola": 1130.0}
TEXTS = {
    "rosa": ["[joy] Apples are red. They grow on trees."],
    "viola": ["[anger] Clouds hurry slowly by. Rain falls.", "[sadness] Nobody sees."],
}


def with_server(act: Callable[[LiveServer], Awaitable[None]]) -> None:
    async def play() -> None:
        engine = build_engine(
            MediaOptions(open_models=live_cast.dyed, avatar=TROUPE[0], admitted_share=100.0)
        )
        async with asyncio.timeout(90), serving(engine) as server:
            await act(server)

    asyncio.run(play())


@pytest.fixture(autouse=True)
def _troupe(monkeypatch: pytest.MonkeyPatch) -> None:
    ava = assembly.find_avatar("ava")
    there = [replace(ava, name=name) for name in TROUPE]
    monkeypatch.setattr(assembly, "avatars", lambda: there)


class Whep:
    """Where a Viewer of a session joins."""

    def __init__(self, session: Mapping[str, Any]) -> None:
        self._url = session["whep_url"]
        self._headers = {"authorization": f"Bearer {session['token']}"}
        self.place = ""

    async def watch(self, offer: str) -> tuple[str, str]:
        answer = await request(self._url, "POST", offer, content_type="application/sdp", **self._headers)
        assert answer.status == 201, answer
        self.place = self._url.split("/v1/")[0] + answer.headers["location"]
        return self.place, answer.body.decode()

    async def patch(self, fragment: str) -> Any:
        return await request(self.place, "PATCH", fragment, content_type=FRAGMENT, **self._headers)


def test_a_session_that_is_deleted_is_told_and_its_viewers_are_let_go() -> None:
    async def act(server: LiveServer) -> None:
        session = await server.open(size=256)
        viewers = [Viewer(), Viewer()]
        async with server.connect(session) as client, server.connect(session) as other:
            for viewer in viewers:
                await viewer.join(Whep(session))
                await viewer.until("video", 2)
            await server.end(session)
            for one in (client, other):
                error = await one.until("error")
                assert (error["code"], error["retryable"]) == ("expired", False)
                with pytest.raises(websockets.ConnectionClosed):
                    await one.until("error")
                assert one.socket.close_code == 4410
            for viewer in viewers:
                while viewer.connection.connectionState != "closed":
                    await asyncio.sleep(0.01)
                await viewer.leave()
        assert len(server.sessions) == 0 and server.engine.numbers()["sessions"] == 0

    with_server(act)


def test_a_restart_of_ice_is_refused_in_words_and_the_pictures_go_on() -> None:
    async def act(server: LiveServer) -> None:
        session = await server.open(size=256)
        viewer, whep = Viewer(), Whep(session)
        await viewer.join(whep)
        await viewer.until("video", 2)
        lines = viewer.connection.localDescription.sdp.splitlines()
        own = [line for line in lines if line.startswith(("a=ice-ufrag:", "a=ice-pwd:"))][:2]
        candidate = next(line for line in lines if line.startswith("a=candidate:"))
        refused = await whep.patch("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n" + candidate)
        assert (refused.status, refused.json["code"], refused.json["retryable"]) == (
            422,
            "bad_request",
            False,
        )
        assert refused.json["message"].startswith("ICE restart is not supported")
        assert (await whep.patch("\r\n".join([*own, "a=mid:0", candidate]))).status == 204
        await viewer.until("video", len(viewer.frames["video"]) + 5)
        await viewer.leave()
        await server.end(session)

    with_server(act)


def tone(avatar: str, seconds: float) -> bytes:
    t = np.arange(round(seconds * RATE)) / RATE
    return np.round(9000 * np.sin(2 * np.pi * TONES[avatar] * t)).astype("<i2").tobytes()


async def speak(client: Client, avatar: str) -> None:
    """All of an avatar's texts, one after the other; until they were said."""
    for number, text in enumerate(TEXTS[avatar]):
        await client.tell("speech.start", sample_rate=RATE, text=text, id=f"{avatar}-{number}")
        await client.send(tone(avatar, 0.8))
        await client.tell("speech.end")
    for number, _ in enumerate(TEXTS[avatar]):
        await client.until("speech.finished", id=f"{avatar}-{number}")


def levels(viewer: Viewer) -> dict[str, float]:
    """The loudest that each avatar's tone was in what a viewer heard, of 16-bit sound, in pieces of 20 ms."""
    heard = {name: 0.0 for name in TONES}
    for _, frame in viewer.frames["audio"]:
        samples = frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.float64)
        t = np.arange(len(samples)) / frame.sample_rate
        for name, pitch in TONES.items():
            wave = np.hanning(len(samples)) * np.exp(-2j * np.pi * pitch * t)
            heard[name] = max(heard[name], 4 * abs(np.mean(samples * wave)))
    return heard


def check_pictures(viewer: Viewer, avatar: str) -> None:
    """Each picture is of this avatar's colour, from its first to its last."""
    assert len(viewer.frames["video"]) > 20
    for _, frame in viewer.frames["video"]:
        seen = frame.to_ndarray(format="rgb24")[::8, ::8].reshape(-1, 3).astype(float)
        for part in np.percentile(seen, [10, 90], axis=0):
            distances = {name: float(np.abs(part - dye(name)).max()) for name in TROUPE}
            assert min(distances, key=distances.__getitem__) == avatar and distances[avatar] < 40, distances


def test_two_sessions_share_no_picture_no_sample_no_word_and_no_token() -> None:
    assert np.abs(dye("rosa").astype(int) - dye("viola")).max() > 80

    async def act(server: LiveServer) -> None:
        sessions = {name: await server.open(size=256, avatar=name, seed=k) for k, name in enumerate(TROUPE)}
        workers = [casting._worker._worker.pid for casting in (p._casting for p in server.engine._sessions)]
        assert len(set(workers)) == 2 and set(workers) <= WorkerProcess.pids
        viewers = {name: Viewer() for name in TROUPE}
        for name in TROUPE:
            await viewers[name].join(Whep(sessions[name]))
            await viewers[name].until("video", 1)
        async with server.connect(sessions["rosa"]) as rosa, server.connect(sessions["viola"]) as viola:
            clients = {"rosa": rosa, "viola": viola}
            for client in clients.values():
                await client.tell("motion.subscribe")
            await speak(rosa, "rosa")  # viola is silent meanwhile
            await viola.flush()
            jaw = viola.heard[0]["motion_names"].index("jawOpen")
            moved = [event["weights"][jaw] for event in viola.heard if event["type"] == "motion"]
            assert len(moved) > 10 and max(moved) < 0.05
            assert levels(viewers["viola"])["rosa"] < 30
            await asyncio.gather(*(speak(client, name) for name, client in clients.items()))
            for name, client in clients.items():
                await check_events(client, name, sessions)
        for name, other in (TROUPE, TROUPE[::-1]):
            check_pictures(viewers[name], name)
            heard = levels(viewers[name])
            assert heard[name] > 6000 and heard[other] < 600, heard  # the ends of a tone are clicks
            await check_token(sessions[name], sessions[other])
            await viewers[name].leave()

    with_server(act)


async def check_events(client: Client, name: str, sessions: Mapping[str, Mapping[str, Any]]) -> None:
    """All that a client was ever told: of its own session, and nothing of the other."""
    (other,) = {*TROUPE} - {name}
    await client.flush()
    told = json.dumps([event for event in client.heard if event["type"] != "motion"])
    captions = [event["text"] for event in client.heard if event["type"] == "caption"]
    said = {event["id"]: event["heard_text"] for event in client.heard if event["type"] == "speech.finished"}
    assert said == {f"{name}-{number}": text.split("] ")[1] for number, text in enumerate(TEXTS[name])}
    assert captions and all(any(c in text for text in TEXTS[name]) for c in captions)
    for foreign in (sessions[other]["session_id"], sessions[other]["token"], f"{other}-"):
        assert foreign not in told
    words = {word for text in TEXTS[other] for word in text.split("] ")[1].split()}
    assert not [word for word in words if len(word) > 4 and word in told]
    felt = {"rosa": "joy", "viola": "anger"}
    for event in client.heard:
        if event["type"] == "emotion" and event["source"] == "tag":
            assert event["scores"][felt[other]] == 0


async def check_token(session: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """One's token opens nothing of the other's."""
    bearer = {"authorization": f"Bearer {session['token']}"}
    offer = await request(other["whep_url"], "POST", "v=0", content_type="application/sdp", **bearer)
    ended = await request(other["whep_url"].removesuffix("/whep"), "DELETE", **bearer)
    assert offer.status == ended.status == 401
    async with websockets.connect(other["ws_url"].split("?")[0] + f"?token={session['token']}") as socket:
        assert json.loads(await socket.recv())["code"] == "unauthorized"
