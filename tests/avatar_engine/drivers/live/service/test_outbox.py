import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.socket.outbox import DONE, GOING, SLOW, Outbox

SMALL = replace(Limits(), outgoing=6, outgoing_motion=3)


def drain(outbox: Outbox) -> list[str]:
    async def take_all() -> list[str]:
        outbox.close(DONE)
        texts = []
        while (text := await outbox.take()) is not None:
            texts.append(text)
        return texts

    return asyncio.run(take_all())


def test_old_motion_goes_first() -> None:
    outbox = Outbox(SMALL)
    for name in ("m1", "m2", "m3", "m4"):
        outbox.put_motion(name)
    outbox.put("e1")
    assert outbox.dropped == 1
    assert drain(outbox) == ["m2", "m3", "m4", "e1"]


def test_an_event_takes_the_place_of_motion() -> None:
    outbox = Outbox(SMALL)
    for name in ("m1", "m2", "m3"):
        outbox.put_motion(name)
    for name in ("e1", "e2", "e3", "e4"):
        outbox.put(name)
    assert drain(outbox) == ["m2", "m3", "e1", "e2", "e3", "e4"]


def test_who_never_reads_is_let_go_with_a_reason() -> None:
    outbox = Outbox(SMALL)
    for number in range(20):
        outbox.put(f"e{number}")
    assert outbox.farewell is SLOW
    assert drain(outbox) == []


def test_the_first_farewell_counts_and_nothing_follows_it() -> None:
    outbox = Outbox(SMALL)
    outbox.put("e1")
    outbox.close(GOING)
    outbox.close(DONE)
    outbox.put("e2")
    outbox.put_motion("m1")
    assert drain(outbox) == ["e1"]
    assert outbox.farewell is GOING


def test_a_waiting_reader_gets_what_comes() -> None:
    async def wait() -> str | None:
        outbox = Outbox(SMALL)
        taking = asyncio.create_task(outbox.take())
        await asyncio.sleep(0)
        outbox.put("e1")
        return await taking

    assert asyncio.run(wait()) == "e1"


@given(st.lists(st.sampled_from(["put", "motion", "take"]), max_size=60))
def test_it_stays_within_its_bounds_and_counts_right(acts: list[str]) -> None:
    async def play() -> None:
        outbox = Outbox(SMALL)
        n_motion = n_taken_motion = 0
        for act in acts:
            if act == "put":
                outbox.put("e")
            elif act == "motion":
                n_motion += outbox.farewell is None
                outbox.put_motion("m")
            elif len(outbox):
                n_taken_motion += await outbox.take() == "m"
            assert len(outbox) <= SMALL.outgoing
        if outbox.farewell is None:
            left = 0
            while len(outbox):
                left += await outbox.take() == "m"
            assert n_motion == n_taken_motion + left + outbox.dropped

    asyncio.run(play())
