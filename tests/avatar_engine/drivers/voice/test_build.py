"""What the environment asks for."""

from __future__ import annotations

import asyncio

import pytest

from avatar_engine.drivers.voice import build, espeak
from avatar_engine.drivers.voice.build import build_chat, build_voice
from avatar_engine.drivers.voice.espeak import EspeakVoice, Library
from avatar_engine.drivers.voice.interface import Missing
from avatar_engine.errors import UsageError


def test_a_speech_server() -> None:
    voice = build_voice(
        {"AVATAR_ENGINE_TTS_URL": "http://127.0.0.1:1/v1/", "AVATAR_ENGINE_TTS_VOICE": "nova"}
    )
    assert not isinstance(voice, Missing)
    assert voice.name == "tts-1 nova at 127.0.0.1" and voice.sample_rate == 24_000
    asyncio.run(voice.close())


def test_espeak_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "find_library", lambda: Library((), "1.52", 22_050))
    voice = build_voice({"AVATAR_ENGINE_TTS_VOICE": "de", "AVATAR_ENGINE_TTS_URL": " "})
    assert isinstance(voice, EspeakVoice) and voice.name == "espeak-ng 1.52 de"
    monkeypatch.setattr(espeak, "find_library", lambda: Missing("no espeak-ng", espeak.REMEDY))
    assert str(build_voice({})) == "no espeak-ng; pip install 'avatar-engine[voice]'"


def test_chat() -> None:
    assert "set AVATAR_ENGINE_CHAT_URL" in str(build_chat({}))
    url = {"AVATAR_ENGINE_CHAT_URL": "https://chat.example/v1"}
    assert str(build_chat(url)).endswith("set AVATAR_ENGINE_CHAT_MODEL")
    relay = build_chat({**url, "AVATAR_ENGINE_CHAT_MODEL": "small"})
    assert not isinstance(relay, Missing) and relay.name == "small at chat.example"
    asyncio.run(relay.close())


@pytest.mark.parametrize("url", ["chat.example", "ftp://x/", "http://", "http://h/v1?key=1"])
def test_a_malformed_url_names_its_setting(url: str) -> None:
    with pytest.raises(UsageError, match="AVATAR_ENGINE_CHAT_URL.*must be a URL such as"):
        build.build_chat({"AVATAR_ENGINE_CHAT_URL": url, "AVATAR_ENGINE_CHAT_MODEL": "m"})
    with pytest.raises(UsageError, match="AVATAR_ENGINE_TTS_URL"):
        build_voice({"AVATAR_ENGINE_TTS_URL": url})


def test_a_key_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="without a user name") as caught:
        build_voice({"AVATAR_ENGINE_TTS_URL": "http://me:hunter2@speech.example/v1"})
    assert "hunter2" not in str(caught.value)
