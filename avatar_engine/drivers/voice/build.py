"""The voice and the chat relay that the environment asks for.

AVATAR_ENGINE_TTS_URL    an OpenAI-compatible server, such as http://127.0.0.1:8880/v1; unset: espeak-ng
AVATAR_ENGINE_TTS_KEY    its key, if it wants one
AVATAR_ENGINE_TTS_MODEL  default tts-1
AVATAR_ENGINE_TTS_VOICE  default alloy; of espeak-ng: a voice such as de or en-gb+m3, default by the text
AVATAR_ENGINE_CHAT_URL   an OpenAI-compatible server, such as http://127.0.0.1:11434/v1; unset: no chat
AVATAR_ENGINE_CHAT_KEY, AVATAR_ENGINE_CHAT_MODEL (needed), AVATAR_ENGINE_CHAT_PROMPT (default: chat.PROMPT)
"""

from __future__ import annotations

from collections.abc import Mapping

from avatar_engine.drivers.voice import chat, espeak
from avatar_engine.drivers.voice.interface import ChatRelay, Missing, Voice
from avatar_engine.drivers.voice.speech_server import SpeechServer
from avatar_engine.errors import UsageError

_TTS, _CHAT = "AVATAR_ENGINE_TTS_", "AVATAR_ENGINE_CHAT_"


def build_voice(environ: Mapping[str, str]) -> Voice | Missing:
    """Looks for espeak-ng where no server is set (blocks up to 0.1 s). UsageError for a malformed URL."""
    url, voice = _get(environ, _TTS + "URL"), _get(environ, _TTS + "VOICE")
    if url is not None:
        try:
            return SpeechServer(
                url, _get(environ, _TTS + "KEY"), _get(environ, _TTS + "MODEL") or "tts-1", voice or "alloy"
            )
        except ValueError as error:
            raise UsageError(f"{_TTS}URL: {error}") from None
    library = espeak.find_library()
    return library if isinstance(library, Missing) else espeak.EspeakVoice(library, voice)


def build_chat(environ: Mapping[str, str]) -> ChatRelay | Missing:
    """Asks nothing of the server yet. UsageError for a malformed URL."""
    url, model = _get(environ, _CHAT + "URL"), _get(environ, _CHAT + "MODEL")
    if url is None:
        return Missing("no chat server is set", f"set {_CHAT}URL and {_CHAT}MODEL")
    if model is None:
        return Missing(f"{_CHAT}URL is set, but no model", f"set {_CHAT}MODEL")
    prompt = environ.get(_CHAT + "PROMPT", chat.PROMPT)
    try:
        return chat.ChatServer(url, _get(environ, _CHAT + "KEY"), model, prompt)
    except ValueError as error:
        raise UsageError(f"{_CHAT}URL: {error}") from None


def _get(environ: Mapping[str, str], name: str) -> str | None:
    """An empty setting is none."""
    return environ.get(name, "").strip() or None
