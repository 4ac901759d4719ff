"""The chatbot of the examples, as a user runs it, against the real application around a fake engine."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.voice.interface import Missing
from tests.support.engine_fakes import FakeEngine, FakeRelay, FakeVoice
from tests.support.live_server import serving

CHATBOT = Path(__file__).parents[2] / "examples" / "chatbot.py"


async def run_chatbot(url: str, *lines: str) -> tuple[int, str, str]:
    root = str(CHATBOT.parents[1])
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHATBOT), url, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    out, err = await asyncio.wait_for(
        process.communicate("".join(f"{line}\n" for line in lines).encode()), 60
    )
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def chat(chat_relay: FakeRelay | None, *lines: str, pace: float = 0.0) -> tuple[str, FakeVoice]:
    voice = FakeVoice()

    async def run() -> tuple[int, str, str]:
        speech = Speech(voice, chat_relay or Missing("no relay", "set one"))
        async with serving(FakeEngine(pace=pace), speech) as server:
            return await run_chatbot(server.url, *lines)

    code, out, err = asyncio.run(run())
    assert (code, err) == (0, "")
    assert "watch it here: http://127.0.0.1:" in out and "&token=" in out
    return out, voice


def test_rules_and_echo() -> None:
    out, voice = chat(None, "Hello you", "")
    assert voice.said == ["Hello! How nice to see you."]
    assert "avatar:" in out
    assert chat(None, "xyz", "")[1].said == ["You said: xyz"]


def test_a_language_model_where_the_server_has_one() -> None:
    relay = FakeRelay(["Hello. ", "All is well."])
    _, voice = chat(relay, "How are you?", "")
    assert [text for text, _ in relay.asked] == ["How are you?"] and voice.said == ["Hello.", "All is well."]


def test_typing_interrupts() -> None:
    out, _ = chat(None, "a " * 300, "joke", "", pace=0.2)
    assert "(interrupted after" in out


def test_no_server_is_one_line() -> None:
    code, _, err = asyncio.run(run_chatbot("http://127.0.0.1:9", "hi"))
    assert code == 1 and "does avatar-engine serve run" in err and len(err.splitlines()) == 1


def test_it_stays_short() -> None:
    assert len(CHATBOT.read_text(encoding="utf-8").splitlines()) < 60
