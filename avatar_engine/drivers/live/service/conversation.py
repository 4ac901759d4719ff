"""The engine's own voice and the chat relay in one session: say, chat, history, thinking meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar, cast

from avatar_engine.assembly import spoken_text
from avatar_engine.drivers.live.interface import Performance, SettableState
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.logs import failure
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.problems import Problem, is_unexpected, problem_of
from avatar_engine.drivers.live.service.utterances import Utterance, Utterances
from avatar_engine.drivers.voice.interface import ChatRelay, Missing, Turn, Voice
from avatar_engine.errors import UsageError

logger = logging.getLogger(__name__)

Name = str | int | None
ItemT = TypeVar("ItemT")
TellProblem = Callable[[Problem, Name], None]


class Speech(NamedTuple):
    """What a server can say by itself; Missing says why it cannot."""

    voice: Voice | Missing
    relay: ChatRelay | Missing


class _Question(NamedTuple):
    text: str
    name: Name


class Conversation:
    """Speaks and answers in tasks of its own, so that an interrupt finds nobody waiting in its way."""

    def __init__(
        self,
        performance: Performance,
        utterances: Utterances,
        speech: Speech,
        limits: Limits,
        metrics: Metrics,
        tell: TellProblem,
    ) -> None:
        self._performance = performance
        self._utterances = utterances
        self._speech = speech
        self._limits = limits
        self._metrics = metrics
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._questions: deque[_Question] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._asked: _Question | None = None
        self._turns: deque[Turn] = deque(maxlen=limits.turns)
        self._said: dict[str, Turn] = {}
        "The assistant's turns that are not all heard yet, by utterance."
        self._state: SettableState = "idle"
        self._is_thinking = False

    async def set_state(self, state: SettableState) -> None:
        """The client's choice; it holds again when thinking is over."""
        self._state = state
        self._is_thinking = False
        await self._performance.set_state(state)

    async def say(self, text: str, name: Name) -> None:
        """Speak `text` behind what is being said. Busy, UsageError; a fault on the way is told later."""
        voice = self._voice()
        utterance = await self._utterances.begin(voice.sample_rate, text, name)
        self._start(self._say(voice, utterance, text))

    def chat(self, text: str, name: Name) -> None:
        """Have the relay answer, after earlier questions. Problem: there is no relay, or too many wait."""
        self._voice()
        if isinstance(self._speech.relay, Missing):
            raise Problem("bad_request", f"no chat relay: {self._speech.relay}")
        question = _Question(text, name)
        if self._answering is None:
            self._asked = question
            self._answering = self._start(self._answer_all(self._speech.relay, question))
        elif len(self._questions) < self._limits.chats:
            self._questions.append(question)
        else:
            raise Problem("busy", f"{self._limits.chats} questions wait already", retryable=True)

    def cancel(self) -> list[Name]:
        """Stop voice and relay; returns the names of questions that have no utterance yet."""
        unanswered = [question.name for question in self._questions]
        if self._asked is not None:
            unanswered.insert(0, self._asked.name)
        self._questions.clear()
        self._asked = None
        self._answering = None
        for task in self._tasks:
            task.cancel()
        return unanswered

    async def close(self) -> None:
        """Stop everything and wait for it."""
        tasks = list(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop_thinking(self) -> None:
        """Back to the state that the client chose."""
        if self._is_thinking:
            self._is_thinking = False
            await self._performance.set_state(self._state)

    async def started(self, utterance: Utterance) -> None:
        """Its first sound leaves: where it is an answer, thinking is over."""
        if utterance.id in self._said:
            await self.stop_thinking()

    async def finished(self, utterance: Utterance, heard_text: str, *, was_interrupted: bool) -> None:
        """It is over: of an interrupted answer only what was heard goes into the history."""
        turn = self._said.pop(utterance.id, None)
        if turn is None:
            return
        await self.stop_thinking()
        if was_interrupted:
            turn["content"] = heard_text
            if not heard_text and turn in self._turns:
                self._turns.remove(turn)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _voice(self) -> Voice:
        if isinstance(self._speech.voice, Missing):
            raise Problem("bad_request", f"no voice: {self._speech.voice}")
        return self._speech.voice

    async def _say(self, voice: Voice, utterance: Utterance, text: str) -> None:
        try:
            await self._speak(voice, utterance, text)
        except Exception as error:
            self._report(error, utterance.name)
        finally:
            await self._utterances.end(utterance)

    async def _speak(self, voice: Voice, utterance: Utterance, text: str) -> None:
        words = spoken_text(text)
        if not words:
            return
        began = time.monotonic()
        is_first = True
        async with aclosing(_generator(voice.speak(words))) as pieces:
            async for pcm16 in pieces:
                if is_first:
                    self._metrics.time("tts_first_pcm_ms", time.monotonic() - began)
                    is_first = False
                if utterance.is_cut:
                    return
                await self._utterances.push_patiently(utterance, pcm16)

    async def _answer_all(self, relay: ChatRelay, question: _Question | None) -> None:
        while question is not None:
            self._asked = question
            try:
                await self._answer(relay, question)
            except Exception as error:
                self._report(error, question.name)
                await self.stop_thinking()
            self._asked = None
            question = self._questions.popleft() if self._questions else None
        self._answering = None

    async def _answer(self, relay: ChatRelay, question: _Question) -> None:
        voice = self._voice()
        began = time.monotonic()
        history = [cast(Turn, dict(turn)) for turn in self._turns]
        self._turns.append({"role": "user", "content": question.text})
        self._is_thinking = True
        await self._performance.set_state("thinking")
        utterance: Utterance | None = None
        turn: Turn = {"role": "assistant", "content": ""}
        try:
            async with aclosing(_generator(relay.answer(question.text, history))) as sentences:
                async for sentence in sentences:
                    if utterance is None:
                        self._metrics.time("chat_first_sentence_ms", time.monotonic() - began)
                        utterance = await self._utterances.begin(voice.sample_rate, None, question.name)
                        self._asked = None
                        self._turns.append(turn)
                        self._said[utterance.id] = turn
                    turn["content"] += sentence
                    await self._push_text(utterance, sentence)
                    await self._speak(voice, utterance, sentence)
        except Exception as error:
            if utterance is None:
                raise
            self._report(error, utterance.name)
        finally:
            if utterance is not None:
                await self._utterances.end(utterance)
        if utterance is None:
            raise Problem("internal", "the chat relay's answer is empty", retryable=True)

    async def _push_text(self, utterance: Utterance, sentence: str) -> None:
        try:
            await self._utterances.push_text(utterance, sentence)
        except UsageError:
            # A model's malformed tag is no fault of the client's: the words are said without it.
            await self._utterances.push_text(utterance, spoken_text(sentence))

    def _report(self, error: Exception, name: Name) -> None:
        if is_unexpected(error):
            failure(logger, "speaking failed", error)
        self._tell(problem_of(error), name)


def _generator(pieces: AsyncIterator[ItemT]) -> AsyncGenerator[ItemT, None]:
    """Voices and relays are asynchronous generators: what runs behind them ends when they are closed."""
    return cast(AsyncGenerator[ItemT, None], pieces)
