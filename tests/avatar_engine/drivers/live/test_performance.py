"""What a live session says, shows and tells, and when: virtual clock, no waiting."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.config import EmotionChoice
from avatar_engine.drivers.live.interface import (
    Caption,
    EmotionChanged,
    Ended,
    Motion,
    SessionOptions,
    SpeechFinished,
    SpeechStarted,
    StateChanged,
    Stats,
)
from avatar_engine.errors import UsageError
from avatar_engine.names import ARKIT_INDEX
from tests.support.live_cast import SketchedCast
from tests.support.live_rig import DELAY, InstantWorker, Rig, pcm, play, tone
from tests.support.session_fakes import syllables


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency of sound at 48 kHz."""
    spectrum = abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 48_000 / len(samples))


def test_sound_and_picture_of_one_moment_leave_together_25_times_a_second() -> None:
    async def scene() -> None:
        rig = Rig()
        await asyncio.sleep(4)
        pictures, sounds = rig.audience.pictures, rig.audience.sounds
        assert [p.pts for _, p in pictures[:90]] == [3600 * k for k in range(90)]
        assert [p.pts for _, p in sounds[1:180]] == [960 * k - 312 for k in range(1, 180)]
        for k in range(90):
            assert abs(pictures[k][0] - sounds[2 * k][0]) < 1e-6
            assert abs(pictures[k][0] - (1000.0 + 0.04 * k + DELAY)) < 1e-6
        (stats,) = rig.events(Stats)[-1:]
        assert stats.numbers["fps"] == pytest.approx(25, abs=1) and stats.numbers["repeated_frames"] <= 1
        assert stats.numbers["key_frames"] == 1
        await rig.performance.close("done")

    play(scene())


def test_an_utterance_from_its_first_sample_to_its_last() -> None:
    async def scene() -> None:
        rig, loop = Rig(), asyncio.get_running_loop()
        await asyncio.sleep(0.99)
        pushed = loop.time()
        await rig.say("u1", syllables(1.0), text="[joy] What a lovely day it is.")
        await asyncio.sleep(0.3)
        (started,) = rig.events(SpeechStarted)
        await asyncio.sleep(2)
        told = rig.events(SpeechStarted, Caption, SpeechFinished, StateChanged)
        assert started == SpeechStarted(0, "u1") and not [e for e in told if isinstance(e, SpeechStarted)]
        assert told[-2:] == [
            SpeechFinished(0, "u1", 1.0, False, "What a lovely day it is."),
            StateChanged(0, "idle"),
        ]
        first = rig.meters.avatar_first_frame_ms.quantile(0.5)
        assert DELAY * 1000 <= first <= DELAY * 1000 + 41
        heard = abs(rig.audience.heard().astype(float))
        onset = np.flatnonzero(heard > 300)[0] / 48_000 - 312 / 48_000 + 1000 + DELAY
        assert DELAY - 0.005 < onset - pushed < DELAY + 0.045
        await rig.performance.close("done")

    play(scene())


def test_events_come_in_the_order_in_which_they_are_seen_and_heard() -> None:
    async def scene() -> None:
        rig = Rig(SessionOptions("ava", 256, 3, EmotionChoice("joy", 0.8)))
        await asyncio.sleep(0.5)
        await rig.say("u1", syllables(2.4), text="What a lovely day it is. And then it rained all day long.")
        await asyncio.sleep(3.5)
        told = rig.events(SpeechStarted, Caption, SpeechFinished, EmotionChanged, StateChanged)
        kinds = [type(event).__name__ for event in told]
        assert kinds[0] == "EmotionChanged" and told[0].source == "override" and told[0].scores["joy"] == 1
        assert kinds[1:4] == ["SpeechStarted", "StateChanged", "Caption"]
        captions = [event for event in told if isinstance(event, Caption)]
        assert [c.text for c in captions] == ["What a lovely day it is.", "And then it rained all day long."]
        assert captions[0].start_s == 0 < captions[0].end_s and captions[1].start_s > 0.5
        assert kinds[-2:] == ["SpeechFinished", "StateChanged"]
        await rig.performance.close("done")

    play(scene())


def test_motion_is_told_with_the_frame_that_leaves() -> None:
    async def scene() -> None:
        rig = Rig()
        await asyncio.sleep(0.5)
        await rig.say("u1", syllables(0.6))
        await asyncio.sleep(1.5)
        motions = rig.events(Motion)
        assert [round(25 * m.pts_s) for m in motions] == list(range(len(motions))) and len(motions) > 40
        assert all(len(m.weights) == 52 and len(m.head_deg) == 3 and len(m.gaze_deg) == 2 for m in motions)
        assert max(m.weights[ARKIT_INDEX["jawOpen"]] for m in motions) > 0.05
        await rig.performance.close("done")

    play(scene())


@settings(max_examples=8, deadline=None)
@given(st.floats(0.2, 1.7), st.booleans(), st.sampled_from([16_000, 24_000, 48_000]))
def test_interrupt_stops_sound_and_face_at_once_and_tells_how_much_was_heard(
    after_s: float, queued: bool, rate: int
) -> None:
    async def scene() -> None:
        rig, loop = Rig(), asyncio.get_running_loop()
        await asyncio.sleep(0.5)
        began = loop.time()
        samples = 0.4 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
        await rig.say("u1", samples, rate, "What a lovely day it is. And then it rained all day long.")
        if queued:
            await rig.say("u2", samples, rate)
        await asyncio.sleep(after_s)
        rig.events()
        asked = loop.time()
        report = await rig.performance.interrupt()
        assert report is not None and report.interrupted
        finished = rig.events(SpeechFinished)
        assert [e.utterance for e in finished] == (["u1", "u2"] if queued else ["u1"])
        assert finished[0].position_s == report.position / 16_000
        assert all(e.interrupted and e.epoch == 1 for e in finished)
        if queued:
            assert finished[1].position_s == 0 and finished[1].heard_text == ""
        assert abs(report.position / 16_000 - (asked - began - DELAY)) <= 0.061
        sent = len(rig.audience.sounds)
        await asyncio.sleep(1.0)
        heard = rig.audience.heard()
        stale = heard[
            960 * sent + 312 + 240 + 960 :
        ]  # a packet may leave with the 5 ms in which the sound fades
        assert abs(stale).max() < 200
        shown = rig.events(Motion)
        assert all(m.epoch == 1 for m in shown)
        jaws = [m.weights[ARKIT_INDEX["jawOpen"]] for m in shown]
        assert max(jaws[3:]) < 0.03
        assert await rig.performance.interrupt() is None
        await rig.say("u3", samples[: rate // 2], rate)
        await asyncio.sleep(1.0)
        assert rig.events(SpeechFinished)[-1].position_s == 0.5
        await rig.performance.close("done")

    play(scene())


def test_the_mouth_is_shut_in_the_pictures_a_tenth_of_a_second_after_an_interrupt() -> None:
    async def scene() -> None:
        rig, loop = Rig(), asyncio.get_running_loop()
        await asyncio.sleep(0.5)
        await rig.say("u1", 0.3 * np.ones(32_000, np.float32) * np.sign(tone(2.0)))
        await asyncio.sleep(1.013)
        asked = loop.time()
        await rig.performance.interrupt()
        await asyncio.sleep(0.6)
        lips = [
            int((picture[:, :, 0].astype(int) - picture[:, :, 1] > 80).sum())
            for picture in rig.audience.shown()
        ]
        when = [moment - asked for moment, _ in rig.audience.pictures]
        wide = max(lips)
        last = max(moment for moment, size in zip(when, lips, strict=True) if size > 0.5 * wide)
        assert last <= 0.1
        rest = lips[5]
        assert all(
            size < rest + 0.2 * (wide - rest)
            for moment, size in zip(when, lips, strict=True)
            if moment > 0.13
        )
        await rig.performance.close("done")

    play(scene())


def test_slow_speech_is_bridged_and_its_position_counts_only_its_own_samples() -> None:
    async def scene() -> None:
        rig = Rig()
        samples = pcm(tone(1.5))
        await rig.performance.begin("u1", 16_000, None)
        for start in range(0, len(samples), 3200):  # 100 ms of speech every 150 ms
            await rig.performance.push("u1", samples[start : start + 3200])
            await asyncio.sleep(0.15)
        await rig.performance.end("u1")
        await asyncio.sleep(2)
        (finished,) = rig.events(SpeechFinished)
        assert finished.position_s == 1.5
        assert any(tell.missing for tell in rig.workers[0].told)
        loud = abs(rig.audience.heard().astype(float)).reshape(-1, 960).max(1) > 3000
        assert 74 <= loud.sum() <= 90
        await rig.performance.close("done")

    play(scene())


def test_a_name_is_free_again_when_its_speech_has_been_heard() -> None:
    async def scene() -> None:
        rig = Rig()
        for _ in range(2):
            await rig.say("u1", tone(0.2))
            await asyncio.sleep(0.25)
            with pytest.raises(ValueError, match="'u1' is still being said"):
                await rig.performance.begin("u1", 16_000)
            await asyncio.sleep(0.5)
        assert [e.position_s for e in rig.events(SpeechFinished)] == [0.2, 0.2]
        await rig.performance.close("done")
        assert (await rig.performance.subscribe().get()) == Ended(0, "done")

    play(scene())


class ColouredCast(SketchedCast):
    """Its pictures have the colour of its number."""

    def __init__(self, level: int) -> None:
        self._level = level

    def renderer(self, avatar: str, size: int):  # type: ignore[no-untyped-def]
        face = super().renderer(avatar, size)
        level, draw = self._level, face.draw

        def coloured(*face_: np.ndarray) -> np.ndarray:
            picture = draw(*face_)
            picture[:, :, :3] = level
            return picture

        face.draw = coloured  # type: ignore[method-assign]
        return face


@settings(max_examples=4, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.05, 0.5), st.booleans()), min_size=2, max_size=8))
def test_two_sessions_never_exchange_a_picture_a_sample_or_a_word(
    schedule: list[tuple[int, float, bool]],
) -> None:
    async def scene() -> None:
        rigs = [Rig(workers=[InstantWorker(ColouredCast(level))]) for level in (60, 200)]
        hz = (400.0, 1000.0)
        for k, (who, pause, interrupts) in enumerate(schedule):
            if interrupts:
                await rigs[who].performance.interrupt()
            elif rigs[who].performance.queue_depth < 4:
                await rigs[who].say(f"s{who}-{k}", tone(0.4, hz[who]), text=f"Word{who} again.")
            await asyncio.sleep(pause)
        await asyncio.sleep(2)
        for who, rig in enumerate(rigs):
            grey = [float(picture.mean()) for picture in rig.audience.shown()]
            assert len(grey) > 40 and all(abs(level - (60, 200)[who]) < 4 for level in grey)
            heard = rig.audience.heard()
            loud = abs(heard.astype(float)) > 1000
            if loud.any():
                whole = heard[: len(heard) // 4800 * 4800].reshape(-1, 4800)
                sounding = [piece for piece in whole if (abs(piece) > 8000).mean() > 0.3]
                assert all(abs(pitch(piece) - hz[who]) < 30 for piece in sounding)
            for event in rig.events(SpeechStarted, SpeechFinished, Caption):
                assert event.utterance.startswith(f"s{who}-")
                text = getattr(event, "text", getattr(event, "heard_text", ""))
                assert f"Word{1 - who}" not in text
        for rig in rigs:
            await rig.performance.close("done")

    play(scene())


def test_states_and_overrides_reach_the_worker_and_wrong_ones_are_refused() -> None:
    async def scene() -> None:
        rig = Rig()
        await rig.performance.set_state("listening")
        await rig.performance.set_state("listening")
        await asyncio.sleep(0.1)
        assert rig.events(StateChanged) == [StateChanged(0, "listening")]
        with pytest.raises(UsageError, match="unknown emotion 'jpy'"):
            await rig.performance.set_emotion("jpy", 1.0, None)
        with pytest.raises(ValueError, match="ttl_s must be a number of seconds above 0"):
            await rig.performance.set_emotion("joy", 1.0, -1.0)
        await rig.say("u1", tone(0.3))
        await asyncio.sleep(1)
        assert rig.events(StateChanged) == [StateChanged(0, "speaking"), StateChanged(0, "listening")]
        await rig.performance.close("done")

    play(scene())


def test_the_mirror_says_what_the_microphone_hears_until_it_is_off() -> None:
    async def scene() -> None:
        rig = Rig()
        await rig.say("u1", tone(3.0))
        await asyncio.sleep(0.5)
        await rig.performance.mirror(16_000)
        assert rig.events(SpeechFinished)[0].utterance == "u1"
        for piece in np.split(tone(1.0), 50):
            await rig.performance.push("mirror", pcm(piece))
            await asyncio.sleep(0.02)
        await rig.performance.mirror(None)
        await rig.performance.mirror(None)
        await asyncio.sleep(1)
        (finished,) = rig.events(SpeechFinished)
        assert finished.utterance == "mirror" and finished.position_s == 1.0
        await rig.performance.close("done")

    play(scene())
