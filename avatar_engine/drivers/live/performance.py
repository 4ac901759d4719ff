"""One live session: what is pushed becomes slots, slots go to the worker and to the playout, and what leaves
is told. One clock (`Pace`) drives all of it; the epoch makes stale what an interrupt broke off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE, frame_count
from avatar_engine.config import EmotionChoice
from avatar_engine.drivers.live.casting import Casting
from avatar_engine.drivers.live.interface import (
    MIRROR,
    Closed,
    Ended,
    Event,
    Failed,
    SessionOptions,
    SettableState,
    SpeechFinished,
    SpeechStarted,
    StateChanged,
    Stats,
)
from avatar_engine.drivers.live.meters import Distribution, Offsets
from avatar_engine.drivers.live.narrator import Narrator
from avatar_engine.drivers.live.pace import PACKETS_PER_SLOT, Pace
from avatar_engine.drivers.live.playout import EASING_PICTURES, SoundPlayout
from avatar_engine.drivers.live.screen import Screen
from avatar_engine.drivers.live.subscribers import Subscribers
from avatar_engine.drivers.live.surroundings import Surroundings
from avatar_engine.drivers.live.timeline import Emotion, Note, State, Timeline
from avatar_engine.drivers.live.webrtc.encoders import Codec, SoundEncoder
from avatar_engine.drivers.live.worker.handle import Worker
from avatar_engine.drivers.live.worker.wire import Framed, Tell
from avatar_engine.types import PlaybackReport

logger = logging.getLogger(__name__)
ENCODING_S = 0.010
"Encoding begins so long before a picture is to leave."
GRACE_S = 0.020
"So much later than its sound a picture may leave before the last one is shown again."


class LivePerformance:
    """Implements interface.Performance. Used on the event loop only."""

    def __init__(self, options: SessionOptions, worker: Worker, around: Surroundings) -> None:
        """worker: warm, this session's from now on."""
        self.options = options
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop.time(), time.time(), worker.lookahead_samples)
        self._lookahead_slots = frame_count(worker.lookahead_samples)
        self._timeline = Timeline(around.sentences)
        self._sound = SoundPlayout()
        self._screen = Screen(options.size, around.offload)
        self._subscribers = Subscribers()
        self._narrator = Narrator(around.sentences, self._lookahead_slots, self._publish)
        self._audience = around.open_audience(
            self._pace.wall_of,
            self._want_key,
            lambda seconds: around.meters.webrtc_first_frame_ms.add(seconds * 1000),
        )
        self._opus = SoundEncoder()
        self._state: SettableState = "idle"
        self._shown_state: str = "idle"
        self._emotion: Emotion | None = None
        self._texts: dict[str, str] = {}
        self._pushed_at: dict[str, float] = {}
        self._offsets = Offsets()
        self._drift_ms = Distribution()
        self._fresh = 0
        self._encoding = False
        self._interrupted_at = 0.0
        self._lost_at: float | None = None
        self.cost_s = 0.0
        "Processor seconds that workers and encoders spent on this session."
        self._ended: str | None = None
        self._casting = Casting(options, worker, around.take_worker, self)
        self._tasks = [
            asyncio.create_task(self._guarded(work), name=f"live {work.__name__}")
            for work in (self._compose_slots, self._send_sound, self._send_pictures, self._report)
        ]

    @property
    def epoch(self) -> int:
        return self._timeline.epoch

    @property
    def viewers(self) -> int:
        return self._audience.count

    @property
    def queue_depth(self) -> int:
        """Utterances that are said or wait."""
        return self._timeline.waiting + (self._sound.playing is not None)

    @property
    def screen(self) -> Screen:
        return self._screen

    def subscribe(self) -> asyncio.Queue[Event]:
        queue = self._subscribers.add()
        if self._ended is not None:
            queue.put_nowait(Ended(self.epoch, self._ended))
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        self._subscribers.remove(queue)

    async def begin(self, utterance: str, sample_rate: int, text: str | None = None) -> None:
        self._check_open()
        if utterance in self._texts:
            raise ValueError(f"utterance {utterance!r} is still being said; use another name")
        self._timeline.begin(utterance, sample_rate, text)
        self._texts[utterance] = text or ""

    async def push(self, utterance: str, pcm16: bytes) -> None:
        self._check_open()
        self._timeline.push(utterance, pcm16)
        if pcm16:
            self._pushed_at.setdefault(utterance, self._loop.time())

    async def push_text(self, utterance: str, text: str) -> None:
        self._check_open()
        self._timeline.push_text(utterance, text)
        self._texts[utterance] += text

    async def end(self, utterance: str) -> None:
        self._check_open()
        self._timeline.end(utterance)

    async def interrupt(self) -> PlaybackReport | None:
        self._check_open()
        asked = self._loop.time()
        if self._sound.playing is None and not self._timeline.names:
            return None
        forgotten = self._timeline.interrupt()
        cut = {played.name: played.position for played in self._sound.drop()}
        self._screen.interrupt(self.epoch, self._timeline.next_index - self._lookahead_slots)
        if cut and self._pace.composed_at(self._timeline.next_index) - asked < 1 / FRAME_RATE:
            # The face is moved on in silence at once: its next pictures leave where the stale ones would.
            for _ in range(EASING_PICTURES):
                self._compose()
        self._pushed_at.clear()
        self._interrupted_at = asked
        if not self._encoding:
            self._around.meters.interrupt_ms.add((self._loop.time() - asked) * 1000)
        first: PlaybackReport | None = None
        for name in dict.fromkeys([*cut, *forgotten]):
            position = cut.get(name, 0)
            heard = self._narrator.cut(name)
            report = PlaybackReport(position, True, heard if position else "")
            first = first or report
            self._forget(name)
            self._publish(SpeechFinished(self.epoch, name, position / SAMPLE_RATE, True, report.heard_text))
        self._show_state()
        return first

    async def set_emotion(
        self, emotion: str | None, intensity: float = 1.0, ttl_s: float | None = None
    ) -> None:
        self._check_open()
        if emotion is not None:
            EmotionChoice(emotion, intensity)
        if ttl_s is not None and not 0 < ttl_s < float("inf"):
            raise ValueError(f"ttl_s must be a number of seconds above 0, not {ttl_s}")
        note = Emotion(emotion, intensity, ttl_s)
        self._emotion = note if ttl_s is None else None
        self._timeline.note(note)

    async def set_state(self, state: SettableState) -> None:
        self._check_open()
        self._state = state
        self._show_state()

    async def mirror(self, sample_rate: int | None) -> None:
        self._check_open()
        if sample_rate is not None:
            await self.interrupt()
            await self.begin(MIRROR, sample_rate)
        else:
            with suppress(Closed):
                self._timeline.end(MIRROR)

    async def watch(self, offer_sdp: str) -> tuple[str, str]:
        self._check_open()
        return await self._audience.watch(offer_sdp)

    async def add_candidate(self, viewer: str, sdp_fragment: str) -> None:
        await self._audience.add_candidate(viewer, sdp_fragment)

    async def unwatch(self, viewer: str) -> None:
        await self._audience.unwatch(viewer)

    async def close(self, reason: str) -> None:
        if self._ended is not None:
            return
        self._ended = reason
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._casting.end()
        self._around.on_closed(self)
        self._publish(Ended(self.epoch, reason))
        await self._audience.close()

    def _check_open(self) -> None:
        if self._ended is not None:
            raise Closed(f"the session has ended: {self._ended}")

    def _publish(self, event: Event) -> None:
        self._subscribers.publish(event)

    def _want_key(self, codec: Codec, joined: bool) -> None:
        self._screen.want_key(codec, self._loop.time(), joined=joined)

    # The clock: slots are composed, sound and pictures leave.

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """A task whose failure ends the session with a message, instead of silently stopping a part of it."""
        try:
            await work()
        except Exception:
            logger.exception("a live session broke")
            self._publish(Failed(self.epoch, "internal", "the session broke; open another", False))
            await self.close("internal error")

    async def _until(self, moment: Callable[[int], float], count: int, before_s: float = 0.0) -> None:
        """Sleep until `before_s` before a moment of the pace, which may stand still meanwhile."""
        while (left := moment(count) - before_s - self._loop.time()) > 0:
            await asyncio.sleep(left)
        if self._pace.stalled(self._loop.time(), moment(count) - before_s):
            logger.warning("media time stood still: the machine or the event loop was stopped")

    async def _compose_slots(self) -> None:
        while True:
            await self._until(self._pace.composed_at, self._timeline.next_index)
            self._compose()
            await asyncio.sleep(0)

    def _compose(self) -> None:
        slot = self._timeline.compose()
        self._sound.put(slot)
        self._narrator.composed(slot)
        notes = (*self._casting.take_untold(), *slot.notes)
        due, wanted = self._pace.leaves_at(slot.index), self._audience.count > 0
        self._casting.tell(Tell(slot.index, slot.epoch, notes, slot.speech, slot.missing, due, wanted))

    async def _send_sound(self) -> None:
        while True:
            await self._until(self._pace.packet_leaves_at, self._sound.next_index)
            while self._timeline.next_index * PACKETS_PER_SLOT <= self._sound.next_index:
                self._compose()
            packet = self._sound.take()
            if self._audience.listening:
                self._audience.send_sound(self._opus.encode(packet.sound, packet.index))
            slot = packet.index // PACKETS_PER_SLOT
            if packet.index % PACKETS_PER_SLOT == 0:
                self._note_offset("sound", slot)
            if packet.began is not None:
                self._publish(SpeechStarted(self.epoch, packet.began))
                self._show_state()
            played = self._sound.playing
            if played is not None and played.started:
                self._narrator.sound_left(slot, self.epoch, played.name, played.position)
            if packet.ended is not None:
                self._finish_utterance()
            await asyncio.sleep(0)

    def _finish_utterance(self) -> None:
        played = self._sound.finish()
        text = " ".join(self._around.sentences(self._texts.get(played.name, "")))
        self._narrator.end(played.name, self.epoch)
        self._forget(played.name)
        self._publish(SpeechFinished(self.epoch, played.name, played.position / SAMPLE_RATE, False, text))
        self._show_state()

    def _forget(self, utterance: str) -> None:
        self._texts.pop(utterance, None)
        self._pushed_at.pop(utterance, None)

    async def _send_pictures(self) -> None:
        slot = 0
        while True:
            await self._until(self._pace.leaves_at, slot, ENCODING_S)
            codecs = self._audience.codecs
            if codecs:
                left = self._pace.leaves_at(slot) + GRACE_S - ENCODING_S - self._loop.time()
                await self._screen.wait_for(slot, max(0.0, left))
            epoch, self._encoding = self.epoch, True
            packets, is_new = await self._screen.show(slot, codecs, self._loop.time())
            await self._until(self._pace.leaves_at, slot)
            for codec, packet in packets.items():
                # Also where it has become stale: the encoder has it behind it, viewers need it.
                self._audience.send_picture(codec, packet)
            self._encoding = False
            if epoch != self.epoch:
                self._around.meters.interrupt_ms.add((self._loop.time() - self._interrupted_at) * 1000)
            self._picture_left(slot, bool(packets), is_new)
            slot += 1

    def _picture_left(self, slot: int, sent: bool, is_new: bool) -> None:
        now, meters = self._loop.time(), self._around.meters
        if sent:
            self._note_offset("picture", slot)
            self._fresh += is_new
            meters.repeated_frames += not is_new
            played = self._sound.utterance_at(slot)
            if is_new and played is not None and played.name in self._pushed_at:
                meters.avatar_first_frame_ms.add((now - self._pushed_at.pop(played.name)) * 1000)
        self._narrator.picture_left(slot, self.epoch, tell_motion=self._subscribers.any)

    def _note_offset(self, what: Literal["sound", "picture"], slot: int) -> None:
        offset = self._offsets.left(what, slot, self._loop.time())
        if offset is not None:
            self._drift_ms.add(offset * 1000)
            self._around.meters.av_drift_ms.add(offset * 1000)

    async def _report(self) -> None:
        """Stats, once a second."""
        dropped, since = 0, self._loop.time()
        while True:
            await asyncio.sleep(1.0)
            now = self._loop.time()
            fps, self._fresh, since = self._fresh / (now - since), 0, now
            if self._audience.codecs:
                self._around.meters.render_fps.add(fps)
            self._around.meters.dropped_frames += self._screen.dropped - dropped
            dropped = self._screen.dropped
            self._publish(Stats(self.epoch, self._numbers(fps)))

    def _numbers(self, fps: float) -> dict[str, float]:
        return {
            "fps": fps,
            "viewers": float(self.viewers),
            "queued_s": self._timeline.queued_samples / SAMPLE_RATE,
            "repeated_frames": float(self._screen.repeated),
            "dropped_frames": float(self._screen.dropped),
            "dropped_packets": float(self._audience.dropped),
            "dropped_events": float(self._subscribers.dropped),
            "key_frames": float(self._screen.key_frames),
            "av_drift_ms": self._drift_ms.quantile(0.5),
            "playout_delay_ms": self._pace.delay_s * 1000,
        }

    # The conversation's state.

    def _show_state(self) -> None:
        """Speaking while something is said, else what was set."""
        played = self._sound.playing
        state = "speaking" if played is not None and played.started else self._state
        if state != self._shown_state:
            self._shown_state = state
            self._timeline.note(State(state))
            self._publish(StateChanged(self.epoch, state))

    # What Casting asks and tells.

    @property
    def next_slot(self) -> int:
        return self._timeline.next_index

    def framed(self, worker: Worker, framed: Framed) -> None:
        self.cost_s += framed.cost_s
        if self._lost_at is not None:
            self._around.meters.worker_replaced_ms.add((self._loop.time() - self._lost_at) * 1000)
            self._lost_at = None
        if framed.number is not None:
            self._screen.put(framed.index, framed.epoch, worker, framed.number)
        self._narrator.put(framed)

    def lost(self, code: str, why: str) -> None:
        """Until somebody draws again the picture stands, and nobody speaks."""
        self._lost_at = self._loop.time() if self._lost_at is None else self._lost_at
        self._around.meters.workers_lost += 1
        self._timeline.held = True
        self._publish(Failed(self.epoch, code, why, True))

    def back(self) -> list[Note]:
        self._timeline.held = False
        notes: list[Note] = [State(self._shown_state)]
        if self._emotion is not None:
            notes.append(self._emotion)
        return notes + self._narrator.restored(self._timeline.speaking)

    async def over(self, code: str, why: str) -> None:
        self._around.meters.workers_lost += 1
        self._publish(Failed(self.epoch, code, why, False))
        await self.close(code)
