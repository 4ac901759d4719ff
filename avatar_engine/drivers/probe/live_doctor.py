"""avatar-engine doctor --live: walks the live path step by step and says which step fails, and what to do."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import numpy as np

from avatar_engine.client import Avatar, AvatarClientError, connect
from avatar_engine.client.events import said
from avatar_engine.client.tls import Trust, distrust, trust
from avatar_engine.drivers.probe.own_server import own_server
from avatar_engine.drivers.probe.viewer import Viewer
from avatar_engine.errors import AvatarError, UsageError

Check = tuple[str, str, str]
"(ok, note or BAD; the step; what was found and what to do)."

READY_S = 60.0
PICTURE_S = 10.0
SOUND_S = 5.0
QUIET_S = 0.5
"Silence that counts as the end of speech."
RATE = 24_000
STEPS = (
    "server",
    "port",
    "TLS",
    "HTTP",
    "ready",
    "session",
    "SDP",
    "ICE",
    "first picture",
    "sound",
    "interrupt",
    "voice",
)
REMEDIES = {
    "server": "see the line above; `avatar-engine doctor` looks at the installation",
    "port": "start `avatar-engine serve`, or name its --host and --port in the address",
    "TLS": "name the PEM file of the server's certificate, or of the authority that signed it, with --ca; the"
    " address needs https:// where the server has --tls-cert, and a name that the certificate is for",
    "HTTP": "is it an avatar-engine, and no proxy in between?",
    "ready": "its log says what it waits for",
    "session": "unauthorized: --api-key; full: end sessions; no WebSocket: a proxy must let it pass",
    "SDP": "the log of the server says why it refuses the offer",
    "ICE": "UDP does not come through: open the server's UDP ports (serve --udp-ports), name a TURN server "
    "(serve --turn), or bind to an address that viewers reach (serve --host)",
    "first picture": "the log of the server names the worker's error; `avatar-engine bench` measures drawing",
    "sound": "pictures come but no sound: the log of the server says what became of the speech",
    "interrupt": "the machine may be too busy; see /metrics, interrupt_ms",
    "voice": "pip install 'avatar-engine[voice]', or set AVATAR_ENGINE_TTS_URL; `speak` works without",
}


async def run(url: str | None, key: str | None, ca: Path | None = None) -> int:
    """Prints a line a step; url None: a server of our own; ca: see client.tls. 0 where all went well, else 1.
    UsageError for what is no address, and for a ca that cannot be used."""
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise UsageError(f"--live takes an address such as http://127.0.0.1:8080, not {url!r}")
    if url is None and ca is not None:
        raise UsageError(f"--ca {ca} is for a server with TLS: give its address, --live https://…")
    if url is not None:
        trust(url, ca)  # what is wrong with it is wrong usage, not a broken path
    async with aclosing(walk(url, key, ca)) as checks:
        async for state, step, finding in checks:
            print(f"{state:4}  {step:14}  {finding}", flush=True)
            if state == "BAD":
                left = STEPS[STEPS.index(step) + 1 :]
                print(f"      {'':14}  what to do: {REMEDIES[step]}")
                print(f"the live path is broken at {step!r}; not tried: {', '.join(left) or 'nothing'}")
                return 1
    print("the live path works")
    return 0


async def walk(url: str | None, key: str | None, ca: Path | None = None) -> AsyncGenerator[Check, None]:
    """The steps up to the first that fails, which comes with BAD."""
    async with AsyncExitStack() as stack:
        step = "server"
        try:
            if url is None:
                server = await stack.enter_async_context(own_server("--max-sessions", "2"))
                url, key = server.url, server.key
                yield "ok", "server", f"our own, ready after {server.ready_s:.1f} s, {server.memory_mb()} MB"
            address = urlsplit(url)
            step = "port"
            port = address.port or (443 if address.scheme == "https" else 80)
            yield "ok", step, await _port(address.hostname or "", port)
            trusted = trust(url, ca)
            if trusted:
                step = "TLS"
                yield "ok", step, await _certificate(address.hostname or "", port, trusted)
            step = "HTTP"
            yield "ok", step, await _info(url, trusted)
            step = "ready"
            yield "ok", step, await _ready(url, trusted)
            step = "session"
            began = time.perf_counter()
            avatar = await stack.enter_async_context(connect(url, api_key=key, ca=ca))
            shown = {name: avatar.ready.fields.get(name) for name in ("avatar", "size", "device")}
            yield "ok", step, f"opened with its WebSocket in {_ms(began)}: {_listed(shown)}"
            viewer = Viewer(avatar.ice_servers, trusted)
            stack.push_async_callback(viewer.close)
            step = "SDP"
            began = time.perf_counter()
            answer = await viewer.post(avatar.whep_url, avatar.token, await viewer.offer())
            yield "ok", step, f"answered in {_ms(began)} with {_candidates(answer)}"
            step = "ICE"
            await viewer.connected()
            yield "ok", step, f"connected {_ms(viewer.posted)} after the offer"
            step = "first picture"
            yield "ok", step, await _picture(viewer)
            step = "sound"
            yield "ok", step, await _sound(avatar, viewer)
            step = "interrupt"
            yield "ok", step, await _interrupt(avatar, viewer)
            step = "voice"
            yield await _voice(avatar)
        except (AvatarError, OSError, TimeoutError, httpx2.HTTPError) as error:
            yield "BAD", step, " ".join(str(error).split()) or type(error).__name__


async def _port(host: str, port: int) -> str:
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
    return f"{host} takes connections on {port}"


async def _certificate(host: str, port: int, trusted: Trust) -> str:
    context = trusted if isinstance(trusted, ssl.SSLContext) else httpx2.create_ssl_context(trust_env=False)
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLError as error:
        raise AvatarError(distrust(error) or f"no TLS on this port ({said(error)})") from None
    made = writer.get_extra_info("ssl_object")
    until = made.getpeercert()["notAfter"]
    writer.close()
    with suppress(OSError):  # some servers hang up without a word
        await writer.wait_closed()
    return f"{made.version()}, the certificate is trusted, until {until}"


async def _get(url: str, trusted: Trust) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=10, trust_env=False, verify=trusted) as client:
        return await client.get(url)


async def _info(url: str, trusted: Trust) -> str:
    answer = await _get(f"{url}/v1/info", trusted)
    try:
        info = answer.json()
        return f"avatar-engine {info['version']}, voice {_yes(info['voice'])}, chat {_yes(info['chat'])}"
    except (ValueError, KeyError, TypeError):
        raise AvatarError(
            f"{url}/v1/info answers {answer.status_code}, not as an avatar-engine does"
        ) from None


async def _ready(url: str, trusted: Trust) -> str:
    began = time.perf_counter()
    while (answer := await _get(f"{url}/readyz", trusted)).status_code != 200:
        if time.perf_counter() - began > READY_S:
            raise AvatarError(f"/readyz still answers {answer.status_code} after {READY_S:g} s")
        await asyncio.sleep(0.25)
    return f"/readyz answers 200 ({_ms(began)})"


async def _picture(viewer: Viewer) -> str:
    first = await viewer.first_picture(PICTURE_S)
    picture = viewer.picture.to_ndarray(format="gray")
    if picture.std() < 2:
        raise AvatarError(f"the picture is of one colour (grey {picture.mean():.0f})")
    return f"{picture.shape[1]} x {picture.shape[0]}, {(first - viewer.posted) * 1000:.0f} ms after the offer"


async def _sound(avatar: Avatar, viewer: Viewer) -> str:
    began = time.perf_counter()
    saying = asyncio.create_task(avatar.speak([tone(1.0)], sample_rate=RATE))
    try:
        heard = await viewer.sound_after(began, SOUND_S)
        report = await asyncio.wait_for(saying, 10)
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
    if abs(report.position_s - 1.0) > 0.1:
        raise AvatarError(f"of 1 s of speech {report.position_s:.2f} s are reported as heard")
    return f"heard {(heard - began) * 1000:.0f} ms after it was sent; reported as {report.position_s:.2f} s"


async def _interrupt(avatar: Avatar, viewer: Viewer) -> str:
    saying = asyncio.create_task(avatar.speak([tone(10.0)], sample_rate=RATE))
    try:
        await viewer.sound_after(time.perf_counter(), SOUND_S)
        await asyncio.sleep(0.5)
        asked = time.perf_counter()
        heard = await avatar.interrupt()
        answered = time.perf_counter()
        await saying
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
    while time.perf_counter() - max(asked, viewer.last_sound()) < QUIET_S:
        if time.perf_counter() - asked > SOUND_S:
            raise AvatarError(f"sound goes on {SOUND_S:g} s after an interrupt")
        await asyncio.sleep(0.05)
    silent = max(0.0, viewer.last_sound() - asked)
    return (
        f"answered in {(answered - asked) * 1000:.0f} ms, silent after {silent * 1000:.0f} ms, "
        f"{heard.position_s:.2f} s were heard"
    )


async def _voice(avatar: Avatar) -> Check:
    if not avatar.ready.has_voice:
        return "note", "voice", f"none: {REMEDIES['voice']}"
    began = time.perf_counter()
    try:
        report = await asyncio.wait_for(avatar.say("Hello there!"), 15)
    except AvatarClientError as error:
        return "note", "voice", f"it fails: {error}"
    return "ok", "voice", f"said {report.position_s:.2f} s within {_ms(began)}"


def tone(seconds: float) -> bytes:
    """A hum of 220 Hz with syllables, PCM16 at RATE."""
    t = np.arange(int(seconds * RATE)) / RATE
    hum = np.sin(2 * np.pi * 220 * t) * (0.75 + 0.25 * np.sin(2 * np.pi * 4 * t))
    return bytes(np.round(9000 * hum).astype("<i2").tobytes())


def _candidates(sdp: str) -> str:
    found = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    addresses = sorted({f"{parts[4]} ({parts[7]})" for parts in found if len(parts) > 7})
    return f"{len(addresses)} candidates: {', '.join(addresses[:4])}" if addresses else "no candidates yet"


def _ms(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f} ms"


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def _yes(value: object) -> str:
    return "yes" if value else "no"
