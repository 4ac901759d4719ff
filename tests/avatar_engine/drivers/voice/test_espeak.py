"""The built-in voice: in its real child where there is an espeak-ng, and in fake ones for its faults."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from avatar_engine.drivers.voice import espeak
from avatar_engine.drivers.voice.espeak import EspeakVoice, Library, find_library
from avatar_engine.drivers.voice.interface import Missing, VoiceError

FOUND = find_library()
needs_espeak = pytest.mark.skipif(isinstance(FOUND, Missing), reason=str(FOUND))


def say(voice: EspeakVoice, *texts: str) -> list[np.ndarray]:
    async def one(text: str) -> np.ndarray:
        return np.frombuffer(b"".join([piece async for piece in voice.speak(text)]), dtype="<i2")

    async def main() -> list[np.ndarray]:
        try:
            return list(await asyncio.gather(*map(one, texts)))
        finally:
            await voice.close()

    return asyncio.run(asyncio.wait_for(main(), 30))


def library() -> Library:
    assert isinstance(FOUND, Library)
    return FOUND


@needs_espeak
def test_speaks_at_24_khz() -> None:
    text = "Hello! What a beautiful day, don't you think so?"
    first, second = say(EspeakVoice(library()), text, text)
    assert len(first) == len(second), "its breath is random, its timing is not"
    assert 2.0 < len(first) / 24_000 < 6.0
    assert 2000 < np.abs(first).max() < 32_700, "neither faint nor clipped"


@needs_espeak
def test_a_longer_text_is_longer_and_nothing_is_nothing() -> None:
    short, long, nothing = say(EspeakVoice(library()), "Yes.", "Yes, " * 20 + "yes.", " … 😀 ")
    assert len(long) > 5 * len(short) > 0 and len(nothing) == 0


@needs_espeak
def test_each_script_has_its_voice() -> None:
    chinese, mixed = say(EspeakVoice(library()), "你好，今天天气很好。", "Say 你好 now.")
    assert 1.0 < len(chinese) / 24_000 < 5.0 and len(mixed) > 12_000


@needs_espeak
def test_odd_characters_break_nothing() -> None:
    texts = ["a\0b", "\ud800 lone", "[[h@l'oU]] <b>x</b> &amp;", "x" * 5000, "\r\n\u2028 a"]
    assert all(len(sound) for sound in say(EspeakVoice(library()), *texts))


@needs_espeak
def test_an_unknown_voice_is_one_line_and_the_child_goes_on() -> None:
    with pytest.raises(VoiceError, match="no voice 'xx'") as caught:
        say(EspeakVoice(library(), "xx"), "Hello")
    assert not caught.value.retryable


@needs_espeak
def test_breaking_off_ends_the_child_and_the_next_text_is_spoken() -> None:
    async def main() -> None:
        voice = EspeakVoice(library())
        await voice.warm()
        child = voice._idle[0]
        async with aclosing(voice.speak("A long text. " * 400)) as sound:
            assert await anext(sound)
        assert child.returncode is not None and not voice._idle
        assert b"".join([piece async for piece in voice.speak("Hello.")])
        (kept,) = voice._idle
        assert b"".join([piece async for piece in voice.speak("Again.")])
        assert voice._idle == [kept]
        await voice.close()
        assert kept.returncode is not None
        with pytest.raises(VoiceError, match="closed"):
            await anext(voice.speak("More."))

    asyncio.run(asyncio.wait_for(main(), 30))


GREETING = "import sys, time; out = sys.stdout.buffer; out.write(bytes([2, 0, 0, 0]) + b'{}'); out.flush(); "
GREETING += "sys.stdin.readline(); "


def fake(monkeypatch: pytest.MonkeyPatch, code: str) -> EspeakVoice:
    monkeypatch.setattr(espeak, "_command", lambda _: [sys.executable, "-I", "-S", "-c", code])
    return EspeakVoice(Library((), "0", 24_000), "en")


def test_a_child_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (
        "raise SystemExit(3)",
        GREETING + "out.write(bytes([4, 0, 0, 0, 1, 0])); raise SystemExit(1)",
    ):
        with pytest.raises(VoiceError, match="ended unexpectedly") as caught:
            say(fake(monkeypatch, code), "Hello")
        assert caught.value.retryable


def test_a_child_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = fake(monkeypatch, GREETING + "time.sleep(60)")

    async def main() -> None:
        await voice.warm()
        monkeypatch.setattr(espeak, "ANSWER_S", 0.2)
        try:
            await anext(voice.speak("Hello"))
        finally:
            await voice.close()

    with pytest.raises(VoiceError, match="says nothing for 0.2 s"):
        asyncio.run(asyncio.wait_for(main(), 30))


def test_nothing_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(espeak, "_candidates", lambda: [(str(tmp_path / "libnone.so"),)])
    found = find_library()
    assert isinstance(found, Missing)
    assert "libnone.so" in found.reason and found.remedy == "pip install 'avatar-engine[voice]'"
