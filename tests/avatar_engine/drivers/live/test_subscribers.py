from __future__ import annotations

from avatar_engine.drivers.live.interface import Motion, SpeechStarted
from avatar_engine.drivers.live.subscribers import WAITING_EVENTS, WAITING_WITH_MOTION, Subscribers

STILL = Motion(0, 0.0, (0.0,) * 52, (0.0, 0.0, 0.0), (0.0, 0.0))


def test_a_slow_listener_loses_motion_first_then_what_is_oldest() -> None:
    subscribers = Subscribers()
    slow, quick = subscribers.add(), subscribers.add()
    for _ in range(200):
        subscribers.publish(STILL)
        quick.get_nowait()
    assert slow.qsize() == WAITING_WITH_MOTION and subscribers.dropped == 200 - WAITING_WITH_MOTION
    for k in range(2 * WAITING_EVENTS):
        subscribers.publish(SpeechStarted(0, str(k)))
        quick.get_nowait()
    assert slow.qsize() == WAITING_EVENTS
    kept = [slow.get_nowait() for _ in range(WAITING_EVENTS)]
    assert [event.utterance for event in kept] == [str(k) for k in range(WAITING_EVENTS, 2 * WAITING_EVENTS)]
    subscribers.remove(slow)
    subscribers.publish(STILL)
    assert slow.empty() and quick.qsize() == 1 and subscribers.any
