"""say and chat through the WebSocket, with the fake engine, a fake voice and a fake relay."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.errors import UsageError
from tests.support.engine_fakes import FakeEngine, FakePerformance, FakeRelay, FakeVoice
from tests.support.live_server import Client, LiveServer, serving

ANSWER = ["Hello. ", "[joy]It is a fine day. ", "Is it not?"]


class Scene:
    """A server with voice and relay, one client, and what the test looks at."""

    def __init__(self, server: LiveServer, client: Client, voice: FakeVoice, relay: FakeRelay) -> None:
        self.server = server
        self.client = client
        self.voice = voice
        self.relay = relay

    @property
    def performance(self) -> FakePerformance:
        (performance,) = self.server.engine.performances
        return performance

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.client.heard[2:]]


def play(
    act: Callable[[Scene], Awaitable[None]],
    voice: FakeVoice | None = None,
    relay: FakeRelay | None = None,
    pace: float = 0.0,
    limits: Limits | None = None,
) -> None:
    async def run() -> None:
        speech = Speech(voice or FakeVoice(), relay or FakeRelay(ANSWER))
        async with serving(FakeEngine(pace=pace), speech, limits=limits) as server:
            session = await server.open()
            async with server.connect(session) as client:
                await act(Scene(server, client, speech.voice, speech.relay))  # type: ignore[arg-type]

    asyncio.run(run())


def test_say_is_spoken_without_its_tags_and_with_its_emotion() -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("say", text="[joy] Good morning", id="s")
        finished = await scene.client.until("speech.finished")
        assert (finished["id"], finished["position_s"]) == ("s", 0.2)
        assert scene.voice.said == ["Good morning"]
        assert scene.performance.texts["u1"] == "[joy] Good morning"

    play(act)


def test_says_follow_each_other_in_their_order() -> None:
    async def act(scene: Scene) -> None:
        for number in range(5):
            await scene.client.tell("say", text=f"number {number}", id=number)
        ends = [await scene.client.until("speech.finished") for _ in range(5)]
        assert [end["id"] for end in ends] == list(range(5))

    play(act, FakeVoice(delay_s=0.005))


def test_nothing_to_say_ends_at_once() -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("say", text="[joy]", id="s")
        assert (await scene.client.until("speech.finished"))["position_s"] == 0
        assert not scene.voice.said

    play(act)


@pytest.mark.parametrize(("word", "says"), [("fail", "fell silent"), ("break", "something went wrong")])
def test_a_voice_that_fails_ends_its_speech_and_says_why(word: str, says: str) -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("say", text=f"one {word} three", id="s")
        error = await scene.client.until("error")
        assert (error["code"], error["id"], error["retryable"]) == ("internal", "s", True)
        assert says in error["message"] and "secret" not in error["message"]
        while "speech.finished" not in scene.kinds():
            await scene.client.next()
        assert scene.voice.running == 0

    play(act)


def test_chat_thinks_and_then_speaks_sentence_by_sentence() -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("state.set", state="listening")
        await scene.client.until("state")
        await scene.client.tell("chat", text="How is the weather?", id="q")
        await scene.client.until("state", state="thinking")
        await scene.client.until("state", state="speaking")
        finished = await scene.client.until("speech.finished", id="q")
        assert finished["heard_text"] == "".join(ANSWER)
        await scene.client.until("state", state="listening")
        assert scene.voice.said == ["Hello.", "It is a fine day.", "Is it not?"]

    play(act, relay=FakeRelay(ANSWER, delay_s=0.01))


def test_the_relay_is_told_what_was_said_before() -> None:
    async def act(scene: Scene) -> None:
        for name in (1, 2):
            await scene.client.tell("chat", text=f"question {name}", id=name)
        await scene.client.until("speech.finished", id=2)
        (first, nothing), (second, history) = scene.relay.asked
        assert (first, nothing, second) == ("question 1", [], "question 2")
        assert history == [
            {"role": "user", "content": "question 1"},
            {"role": "assistant", "content": "".join(ANSWER)},
        ]

    play(act)


def test_an_interrupt_stops_relay_and_voice_and_keeps_what_was_heard() -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("chat", text="question 1", id=1)
        await scene.client.until("speech.started")
        await scene.client.tell("interrupt")
        answer = await scene.client.until("interrupted")
        assert answer["utterance"] == 1
        pushed = dict(scene.performance.heard)
        assert (scene.voice.running, scene.relay.running) == (0, 0)
        await scene.client.tell("chat", text="question 2", id=2)
        await scene.client.until("speech.started", id=2)
        await scene.client.flush()
        # Not one more sample of the first answer.
        assert scene.performance.heard["u1"] == pushed["u1"]
        history = scene.relay.asked[1][1]
        assert history == [
            {"role": "user", "content": "question 1"},
            {"role": "assistant", "content": answer["heard_text"]},
        ]

    play(act, FakeVoice(delay_s=0.01), FakeRelay(["One two three four five six. "] * 5), pace=1.0)


def test_an_interrupt_while_thinking_ends_the_question() -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("chat", text="question 1", id=1)
        await scene.client.tell("chat", text="question 2", id=2)
        await scene.client.until("state", state="thinking")
        events = await scene.client.flush()
        ends = [event["id"] for event in events if event["type"] == "speech.finished"]
        assert ends == [1, 2]
        await scene.client.until("state", state="idle")
        assert (scene.relay.running, len(scene.relay.asked)) == (0, 1)

    play(act, relay=FakeRelay(ANSWER, delay_s=60))


def test_questions_wait_in_a_bounded_queue() -> None:
    async def act(scene: Scene) -> None:
        for number in range(4):
            await scene.client.tell("chat", text="question", id=number)
        error = await scene.client.until("error")
        assert (error["code"], error["id"]) == ("busy", 3)

    play(act, relay=FakeRelay(ANSWER, delay_s=60), limits=replace(Limits(), chats=2))


@pytest.mark.parametrize(
    ("sentences", "says"), [(["FAIL"], "away"), ([], "empty"), (["Hello. ", "FAIL"], "away")]
)
def test_a_relay_that_fails_is_told_and_the_next_question_is_answered(
    sentences: list[str], says: str
) -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("chat", text="question", id=1)
        error = await scene.client.until("error")
        assert (error["code"], error["id"], error["retryable"]) == ("internal", 1, True)
        assert says in error["message"]
        scene.relay.sentences = ANSWER
        await scene.client.tell("chat", text="question", id=2)
        await scene.client.until("speech.finished", id=2)
        assert scene.performance.texts[list(scene.performance.texts)[-1]] == "".join(ANSWER)

    play(act, relay=FakeRelay(sentences))


def test_a_malformed_tag_of_a_model_is_said_without_it() -> None:
    async def act(scene: Scene) -> None:
        push_text = scene.performance.push_text

        async def strict(utterance: str, text: str) -> None:
            if "[joy:9]" in text:
                raise UsageError("malformed tag")
            await push_text(utterance, text)

        scene.performance.push_text = strict  # type: ignore[method-assign]
        await scene.client.tell("chat", text="question", id=1)
        await scene.client.until("speech.finished", id=1)
        assert scene.performance.texts["u1"] == "Well done."

    play(act, relay=FakeRelay(["[joy:9] Well done."]))


def test_the_end_of_a_session_ends_voice_and_relay() -> None:
    async def act(scene: Scene) -> None:
        await scene.client.tell("chat", text="question", id=1)
        await scene.client.until("speech.started")
        await scene.server.sessions.close()
        assert (scene.voice.running, scene.relay.running) == (0, 0)

    play(act, FakeVoice(delay_s=0.01), FakeRelay(["One two three four five. "] * 100))
