"""What was said is told by the sound that left, whatever the worker does: virtual clock, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from avatar_engine.config import EmotionChoice
from avatar_engine.drivers.live.interface import (
    Caption,
    EmotionChanged,
    Event,
    SessionOptions,
    SpeechFinished,
    SpeechStarted,
)
from avatar_engine.drivers.live.timeline import Begin, MoreText
from tests.support.live_rig import InstantWorker, Rig, pcm, play
from tests.support.session_fakes import syllables

SENTENCES = ["What a lovely day it is.", "And then it rained all day long.", "Nobody knew why."]
TEXT = " ".join(SENTENCES)
SECONDS = 5.0
NEVER = 1e9
IN_TIME, LATE = 0.01, 0.7


def check_captions(told: Sequence[Event], sentences: Sequence[str] = SENTENCES) -> list[Caption]:
    """Each sentence once, in order, between the start and the finish of its speech."""
    kinds = [type(event) for event in told]
    captions = [event for event in told if isinstance(event, Caption)]
    assert [caption.text for caption in captions] == list(sentences)
    starts = [caption.start_s for caption in captions]
    assert starts == sorted(starts) and starts[0] == 0
    assert all(caption.start_s <= caption.end_s for caption in captions)
    assert kinds[0] is SpeechStarted and kinds[-1] is SpeechFinished
    return captions


@pytest.mark.parametrize("draw_s", [IN_TIME, LATE, 10.0, NEVER])
def test_every_sentence_has_its_caption_and_all_is_heard_however_late_frames_are(draw_s: float) -> None:
    async def scene() -> None:
        rig = Rig(workers=[InstantWorker(draw_s=draw_s)])
        await rig.say("u1", syllables(SECONDS), text=f"[joy] {TEXT}")
        await rig.say("u2", syllables(1.0), text="Yes.")
        await asyncio.sleep(SECONDS + 2)
        told = rig.events(SpeechStarted, Caption, SpeechFinished)
        captions = check_captions(told[:5])
        assert told[4] == SpeechFinished(0, "u1", SECONDS, False, TEXT)
        check_captions(told[5:], ["Yes."])
        assert captions[1].start_s > 0.8 and captions[2].start_s > captions[1].start_s + 0.8
        await rig.performance.close("done")

    play(scene())


@pytest.mark.parametrize("draw_s", [IN_TIME, LATE, NEVER])
def test_a_caption_is_told_when_the_sound_of_its_start_leaves(draw_s: float) -> None:
    async def scene() -> None:
        rig, loop = Rig(workers=[InstantWorker(draw_s=draw_s)]), asyncio.get_running_loop()
        await rig.say("u1", syllables(SECONDS), text=TEXT)
        began = loop.time()
        while True:
            event = await rig.queue.get()
            if isinstance(event, SpeechStarted):
                began = loop.time()
            if isinstance(event, Caption):
                # A report that came late may tell where in the past a sentence began.
                late_s = 0.021 if draw_s != LATE else LATE
                assert -0.021 <= loop.time() - began - event.start_s <= late_s
            if isinstance(event, SpeechFinished):
                break
        await rig.performance.close("done")

    play(scene())


@pytest.mark.parametrize("after_s", [0.15, 1.0, 2.5, 4.0])
def test_words_heard_at_an_interrupt_are_counted_by_the_sound_that_left(after_s: float) -> None:
    async def scene(draw_s: float) -> tuple[str, int]:
        rig = Rig(workers=[InstantWorker(draw_s=draw_s)])
        await rig.say("u1", syllables(SECONDS), text=TEXT)
        await asyncio.sleep(0.15 + after_s)  # between two packets
        report = await rig.performance.interrupt()
        assert report is not None and TEXT.startswith(report.heard_text)
        captions = [event.text for event in rig.events(Caption)]
        assert captions == SENTENCES[: len(captions)] and captions
        await asyncio.sleep(0.5)
        assert not rig.events(Caption)
        await rig.performance.close("done")
        return report.heard_text, report.position

    exact, position = play(scene(IN_TIME))
    for draw_s in (LATE, NEVER):
        heard, there = play(scene(draw_s))
        assert there == position
        assert abs(len(heard.split()) - len(exact.split())) <= 1 + after_s
        assert (after_s < 1) or heard


def test_words_are_not_lost_where_workers_die_in_mid_utterance() -> None:
    async def scene() -> None:
        rig = Rig(workers=[InstantWorker(), InstantWorker(draw_s=NEVER), InstantWorker()])
        await rig.performance.begin("u1", 16_000, "[joy] What a lovely day it is. And then ")
        await rig.performance.push("u1", pcm(syllables(SECONDS)))
        await asyncio.sleep(2.5)
        rig.workers[0].die()
        await asyncio.sleep(0.01)
        await rig.performance.push_text("u1", "it rained all day long. ")
        await asyncio.sleep(1.0)
        (begin,) = [note for tell in rig.workers[1].told for note in tell.notes if isinstance(note, Begin)]
        notes = [note for tell in rig.workers[1].told for note in tell.notes]
        assert begin.text == "[joy] What a lovely day it is. And then it rained all day long. "
        assert begin.at is not None and begin.at.syllables > 5
        assert not any(isinstance(note, MoreText) for note in notes)
        await rig.performance.push_text("u1", "Nobody knew why.")
        await rig.performance.end("u1")
        await asyncio.sleep(0.5)
        rig.workers[1].die()
        await asyncio.sleep(3)
        told = rig.events(SpeechStarted, Caption, SpeechFinished)
        # The second sentence began when only its first words were known, and its caption had those.
        captions = [event.text for event in told if isinstance(event, Caption)]
        assert captions == [SENTENCES[0], "And then", SENTENCES[2]]
        assert told[-1] == SpeechFinished(0, "u1", SECONDS, False, TEXT)
        await rig.performance.close("done")

    play(scene())


def test_a_worker_that_takes_over_goes_on_in_the_text() -> None:
    async def scene() -> str:
        rig = Rig(workers=[InstantWorker(), InstantWorker()])
        await rig.say("u1", syllables(SECONDS), text=TEXT)
        await asyncio.sleep(3.0)
        rig.workers[0].die()
        await asyncio.sleep(1.0)
        report = await rig.performance.interrupt()
        assert report is not None
        await rig.performance.close("done")
        return report.heard_text

    heard = play(scene())
    assert heard.startswith("What a lovely day it is. And then") and TEXT.startswith(heard)


def test_no_emotion_is_told_before_one_was_felt_and_its_end_is() -> None:
    async def scene() -> None:
        rig = Rig(workers=[InstantWorker(), InstantWorker()])
        await asyncio.sleep(2.0)
        rig.workers[0].die()  # nor does who takes over tell one
        await asyncio.sleep(2.0)
        assert not rig.events(EmotionChanged)
        await rig.say("u1", syllables(2.0))
        await asyncio.sleep(8.0)
        told = rig.events(EmotionChanged)
        assert told[0].source == "audio" and max(told[0].scores.values()) > 0.1
        assert max(told[-1].scores.values()) < 0.2  # the voice has been silent for long
        await rig.performance.close("done")

    play(scene())


def test_a_chosen_emotion_is_told_at_once() -> None:
    async def scene() -> None:
        rig = Rig(SessionOptions("ava", 256, emotion=EmotionChoice("joy", 0.6)))
        await asyncio.sleep(0.5)
        (told,) = rig.events(EmotionChanged)
        assert (told.source, told.scores["joy"]) == ("override", 1.0)
        await rig.performance.close("done")

    play(scene())
