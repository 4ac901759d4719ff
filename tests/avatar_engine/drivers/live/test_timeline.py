from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.drivers.live import timeline as timelines
from avatar_engine.drivers.live.interface import MIRROR, Busy, Closed, TooFast
from avatar_engine.drivers.live.playout import SoundPlayout
from avatar_engine.drivers.live.sound import Fifo
from avatar_engine.drivers.live.timeline import Begin, Emotion, MoreText, Slot, Timeline
from avatar_engine.drivers.media.resampling import Resampler, SpeechConverter
from avatar_engine.errors import UsageError


def new_timeline() -> Timeline:
    return Timeline(lambda text: None)


def pcm(samples: np.ndarray) -> bytes:
    return samples.astype("<i2").tobytes()


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * rate)).astype(np.int16)


def said(slots: list[Slot]) -> np.ndarray:
    return np.concatenate([s.speech[: s.own_samples] for s in slots if s.speech is not None])


def sounded(slots: list[Slot]) -> np.ndarray:
    return np.concatenate([s.sound[: 3 * s.own_samples] for s in slots if s.sound is not None])


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("piece", [7, 480, 100_000])
def test_speech_is_resampled_as_one_stream_for_motion_and_for_the_ear(rate: int, piece: int) -> None:
    timeline, samples = new_timeline(), noise(0.5, rate)
    timeline.begin("a", rate, None)
    for start in range(0, len(samples), piece):
        timeline.push("a", pcm(samples[start : start + piece]))
    timeline.end("a")
    slots = [timeline.compose() for _ in range(20)]
    block = (samples.astype(np.float32) / np.float32(32768))[:, None]
    assert said(slots).tobytes() == SpeechConverter(rate).push(block, last=True).tobytes()
    if rate == 48_000:
        assert sounded(slots).tobytes() == samples.tobytes()
    else:
        made = Resampler(rate, 48_000, 1).push(block, last=True)[:, 0]
        np.testing.assert_allclose(sounded(slots) / 32768, made.clip(-1, 1)[:24_000], atol=2e-5)
    assert [s.is_last for s in slots].index(True) == 12
    assert sum(s.own_samples for s in slots) == 8000


def test_slots_count_without_gaps_and_an_utterance_begins_with_a_slot() -> None:
    timeline = new_timeline()
    timeline.compose()
    timeline.begin("a", 16_000, "Hello.")
    timeline.push("a", pcm(noise(0.1, 16_000)))
    slots = [timeline.compose() for _ in range(3)]
    assert [s.index for s in slots] == [1, 2, 3]
    assert slots[0].notes == (Begin("a", "Hello."),) and slots[0].own_samples == 640
    assert slots[1].notes == () and slots[1].own_samples == 640
    assert slots[2].missing and slots[2].own_samples == 0


def test_late_speech_is_said_whole_after_a_cushion_has_come() -> None:
    timeline, samples = new_timeline(), noise(1.0, 16_000)
    timeline.begin("a", 16_000, None)
    timeline.push("a", pcm(samples[:1600]))
    slots = [timeline.compose() for _ in range(4)]
    assert [s.own_samples for s in slots] == [640, 640, 0, 0]
    timeline.push("a", pcm(samples[1600:1900]))
    slots.append(timeline.compose())
    assert slots[-1].missing
    timeline.push("a", pcm(samples[1900:]))
    timeline.end("a")
    slots += [timeline.compose() for _ in range(25)]
    assert said(slots).tobytes() == (samples / np.float32(32768)).astype(np.float32).tobytes()


def test_a_producer_that_stops_lets_the_face_idle() -> None:
    timeline = new_timeline()
    timeline.begin("a", 16_000, None)
    timeline.push("a", pcm(noise(0.1, 16_000)))
    slots = [timeline.compose() for _ in range(20)]
    spoken = sum(s.own_samples > 0 for s in slots)
    longest = timelines.LONGEST_MISSING_SLOTS
    assert 1 <= spoken <= 2  # a filter that is fed on holds 30 ms back
    assert [s.missing for s in slots] == [False] * spoken + [True] * longest + [False] * (
        20 - spoken - longest
    )


def test_utterances_are_said_one_after_the_other_and_four_may_wait() -> None:
    timeline = new_timeline()
    for name in "abcde":
        timeline.begin(name, 16_000, None)
        timeline.push(name, pcm(noise(0.05, 16_000)))
        timeline.end(name)
    with pytest.raises(Busy, match="4 utterances wait already"):
        timeline.begin("f", 16_000, None)
    slots = [timeline.compose() for _ in range(12)]
    assert [s.utterance for s in slots[:10]] == list("aabbccddee")
    timeline.begin("a", 16_000, None)


def test_text_that_comes_while_its_speech_is_said_reaches_the_session_at_once() -> None:
    timeline = new_timeline()
    timeline.begin("a", 16_000, "One. ")
    timeline.push_text("a", "Two. ")
    timeline.push("a", pcm(noise(0.1, 16_000)))
    assert timeline.compose().notes == (Begin("a", "One. Two. "),)
    timeline.push_text("a", "Three.")
    timeline.note(Emotion("joy", 1.0, None))
    assert timeline.compose().notes == (MoreText("Three."), Emotion("joy", 1.0, None))


def test_what_is_wrong_is_told_and_changes_nothing() -> None:
    def check(text: str) -> None:
        if "[" in text:
            raise UsageError("malformed tag")

    timeline = Timeline(check)
    with pytest.raises(ValueError, match="sample_rate must be one of 16000, 24000, 48000, not 44100"):
        timeline.begin("a", 44_100, None)
    with pytest.raises(UsageError):
        timeline.begin("a", 16_000, "[joy")
    with pytest.raises(Closed):
        timeline.push("a", b"")
    timeline.begin("a", 16_000, None)
    with pytest.raises(ValueError, match="'a' is open already"):
        timeline.begin("a", 16_000, None)
    with pytest.raises(ValueError, match="3 bytes hold half a sample"):
        timeline.push("a", b"abc")
    with pytest.raises(UsageError):
        timeline.push_text("a", "[")
    timeline.end("a")
    for late in (
        lambda: timeline.push("a", b"ab"),
        lambda: timeline.end("a"),
        lambda: timeline.push_text("a", "x"),
    ):
        with pytest.raises(Closed, match="'a' is not open"):
            late()


def test_queued_speech_is_bounded() -> None:
    timeline = new_timeline()
    timeline.begin("a", 48_000, None)
    minute = bytes(2 * 60 * 48_000)
    for _ in range(3):
        timeline.push("a", minute)
    with pytest.raises(TooFast, match="180 s of speech wait already, at most 180 s may"):
        timeline.push("a", bytes(960))
    assert timeline.queued_samples == 180 * SAMPLE_RATE


def test_speech_in_single_samples_costs_no_more_memory_than_in_one_piece() -> None:
    fifo, taken = Fifo(np.int16), []
    for k in range(5000):
        fifo.push(np.array([k % 1000], np.int16))
    assert fifo.length == 5000 and len(fifo._pieces) <= 5
    while fifo.length:
        taken.append(fifo.take(777))
    assert np.array_equal(np.concatenate(taken), np.arange(5000) % 1000)


def test_a_microphone_that_runs_ahead_is_cut_back() -> None:
    timeline = new_timeline()
    timeline.begin(MIRROR, 16_000, None)
    timeline.push(MIRROR, bytes(2 * 16_000))
    assert timeline.queued_samples == timelines.MIRROR_KEPT


def test_nothing_is_used_up_while_nobody_draws() -> None:
    timeline, samples = new_timeline(), noise(0.2, 16_000)
    timeline.begin("a", 16_000, None)
    timeline.push("a", pcm(samples))
    timeline.end("a")
    slots = [timeline.compose()]
    timeline.held = True
    assert all(timeline.compose().speech is None for _ in range(5))
    timeline.held = False
    slots += [timeline.compose() for _ in range(6)]
    assert len(said(slots)) == 3200


SCHEDULES = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 4000)),
        st.tuples(st.just("push"), st.integers(1, 6000)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("interrupt"), st.just(0)),
        st.tuples(st.just("slots"), st.integers(1, 8)),
        st.tuples(st.just("packets"), st.integers(1, 16)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(SCHEDULES)
def test_after_an_interrupt_nothing_stale_leaves_and_positions_are_exact(
    schedule: list[tuple[str, int]],
) -> None:
    """Every utterance is a constant of its own at 48 kHz, so that each sample tells whose it is."""
    timeline, playout = new_timeline(), SoundPlayout()
    pushed: dict[str, int] = {}
    left: dict[str, int] = {}
    closed: set[str] = set()
    current, stale_until = None, 0

    def value(name: str) -> int:
        return 100 * (int(name) + 1)

    def put() -> None:
        slot = timeline.compose()
        assert slot.epoch == timeline.epoch
        assert slot.utterance not in closed
        playout.put(slot)

    for what, amount in schedule:
        if what == "begin" and timeline.waiting < 4:
            current = str(len(pushed))
            timeline.begin(current, 48_000, None)
            timeline.push(current, pcm(np.full(amount, value(current))))
            pushed[current], left[current] = amount, 0
        elif what == "push" and current is not None and current not in closed:
            timeline.push(current, pcm(np.full(amount, value(current))))
            pushed[current] += amount
        elif what == "end" and current is not None and current not in closed:
            timeline.end(current)
            current = None
        elif what == "interrupt":
            forgotten = timeline.interrupt()
            cut = playout.drop()
            for played in cut:
                assert played.position * 3 - left[played.name] in (0, 1, 2)
            closed |= {*forgotten, *(played.name for played in cut)}
            stale_until = playout.next_index + 1
            current = None
        elif what == "slots":
            for _ in range(amount):
                put()
        elif what == "packets":
            for _ in range(amount):
                while timeline.next_index * 2 <= playout.next_index:
                    put()
                packet = playout.take()
                if packet.ended is not None:
                    played = playout.finish()
                    assert played.name == packet.ended and abs(3 * played.position - pushed[packet.ended]) < 3
                    closed.add(packet.ended)
                if packet.sound is None:
                    continue
                values = packet.sound[np.flatnonzero(packet.sound)]
                if packet.index < stale_until and packet.began is None and len(values) < 241:
                    continue  # the fade of what was broken off
                for one in np.unique(values):
                    name = str(one // 100 - 1)
                    assert name not in closed or packet.ended == name
                    left[name] += int((values == one).sum())
