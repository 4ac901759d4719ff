"""A chat relay to any OpenAI-compatible /v1/chat/completions: streamed, cut into sentences as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from avatar_engine.assembly import Sentences, open_sentences
from avatar_engine.drivers.voice.events import EventReader
from avatar_engine.drivers.voice.http import Service, error_message
from avatar_engine.drivers.voice.interface import ChatError, Turn

PROMPT = (
    "You are a friendly talking avatar: your answers are spoken aloud. Answer in one to three short "
    "sentences, in the language of the user, without lists, markdown or emoji. You may set your face with "
    "one of [joy] [sadness] [surprise] [anger] [fear] [disgust] [neutral] in front of a sentence."
)
MOST_TURNS = 24
MOST_CHARACTERS = 12_000
"Of the history that is sent: the newest turns within both bounds."
LONGEST_ANSWER = 40_000
"Characters; a model that repeats itself for ever is cut off here."
_THOUGHT = ("<think>", "</think>")


def bounded(history: Sequence[Turn]) -> list[Turn]:
    """The newest turns within the bounds, oldest first, beginning with the user's."""
    kept: list[Turn] = []
    characters = 0
    for turn in history[::-1][:MOST_TURNS]:
        characters += len(turn["content"])
        if characters > MOST_CHARACTERS:
            break
        kept.append(turn)
    while kept and kept[-1]["role"] != "user":
        kept.pop()
    return kept[::-1]


class ChatServer:
    """See interface.ChatRelay."""

    def __init__(
        self,
        url: str,
        key: str | None,
        model: str,
        prompt: str = PROMPT,
        sentences: Callable[[], Sentences] = open_sentences,
    ) -> None:
        self._service = Service(
            url,
            "/chat/completions",
            key,
            what="the chat server",
            key_name="AVATAR_ENGINE_CHAT_KEY",
            error=ChatError,
        )
        self._model, self._prompt = model, prompt
        self._sentences = sentences
        self.name = f"{model} at {self._service.host}"

    async def answer(self, text: str, history: Sequence[Turn] = ()) -> AsyncIterator[str]:
        """See interface.ChatRelay.answer."""
        system = [{"role": "system", "content": self._prompt}] if self._prompt else []
        messages = [*system, *bounded(history), {"role": "user", "content": text}]
        body = {"model": self._model, "messages": messages, "stream": True}
        sentences = self._sentences()
        thoughts = _Thoughts()
        said = 0
        async with self._service.post(body) as response:
            async for piece in _pieces(response):
                heard = thoughts.push(piece)
                said += len(heard)
                for sentence in sentences.push(heard):
                    yield sentence
                if said > LONGEST_ANSWER:
                    raise ChatError(
                        f"the chat server's answer is longer than {LONGEST_ANSWER} characters: cut off"
                    )
        rest = thoughts.finish()
        said += len(rest)
        for sentence in [*sentences.push(rest), *sentences.finish()]:
            yield sentence
        if not said:
            raise ChatError("the chat server sent an empty answer", retryable=True)

    async def close(self) -> None:
        await self._service.close()


class _Thoughts:
    """Takes out what a reasoning model thinks aloud before its answer, between <think> and </think>."""

    def __init__(self) -> None:
        self._held: str | None = ""
        self._thinks = False

    def push(self, piece: str) -> str:
        if self._held is None:
            return piece
        self._held += piece
        if not self._thinks:
            start = self._held.lstrip()
            if start.startswith(_THOUGHT[0]):
                self._thinks = True
            elif _THOUGHT[0].startswith(start):
                return ""
            else:
                return self.finish()
        thought, closed, rest = self._held.partition(_THOUGHT[1])
        if not closed:
            self._held = thought[-len(_THOUGHT[1]) :]
            return ""
        self._held = None
        return rest.lstrip()

    def finish(self) -> str:
        rest, self._held = self._held, None
        return "" if self._thinks else rest or ""


async def _pieces(response: Any) -> AsyncIterator[str]:
    """The pieces of text of an answer. ChatError where it breaks the protocol or is withheld."""
    if "json" in response.headers.get("Content-Type", ""):  # a server that does not stream
        yield _content(_parse((await _read_all(response)).decode("utf-8", "replace")), "message")
        return
    reader = EventReader()
    async for chunk in response.aiter_bytes():
        try:
            events = reader.push(chunk)
        except ValueError as error:
            raise ChatError(f"the chat server sends {error}") from None
        for data in events:
            if data.strip() == "[DONE]":
                return
            if piece := _content(_parse(data), "delta"):
                yield piece
    for data in reader.finish():
        if data.strip() != "[DONE]":
            yield _content(_parse(data), "delta")


async def _read_all(response: Any) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > 4 * LONGEST_ANSWER:
            raise ChatError(f"the chat server's answer is longer than {4 * LONGEST_ANSWER} bytes")
    return body


def _parse(data: str) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        raise ChatError(
            f"the chat server sent {len(data)} characters that are not JSON: is the URL right?",
            retryable=True,
        ) from None
    message = error_message(answer)
    if message:
        raise ChatError(f"the chat server broke off: {message}", retryable=True)
    if not isinstance(answer, dict):
        raise ChatError("the chat server sent JSON that is no object: is the URL right?")
    return answer


def _content(answer: dict[str, Any], part: str) -> str:
    """The text in one object of the protocol, "" for none."""
    choices = answer.get("choices")
    if not choices:  # a last object may hold the usage alone
        return ""
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict):
        raise ChatError("the chat server sent choices that are no list of objects")
    if choice.get("finish_reason") == "content_filter":
        raise ChatError("the chat server withholds this answer (content_filter): ask something else")
    message = choice.get(part)
    text = message.get("content") if isinstance(message, dict) else None
    if text is not None and not isinstance(text, str):
        raise ChatError(f"the chat server sent content that is no text but {type(text).__name__}")
    return text or ""
