from __future__ import annotations

import threading

import pytest

from avatar_engine.drivers.pipeline import Stage

PATIENCE_S = 10


def test_items_are_worked_on_in_order() -> None:
    done: list[int] = []
    stage = Stage("test", done.append, bound=2)
    for item in range(100):
        stage.put(item)
    stage.finish()
    assert done == list(range(100))


def test_no_more_wait_than_the_bound() -> None:
    gate, put = threading.Event(), []
    stage: Stage[int] = Stage("test", lambda item: gate.wait(PATIENCE_S) and None, bound=2)

    def feed() -> None:
        for item in range(5):
            stage.put(item)
            put.append(item)

    feeder = threading.Thread(target=feed)
    feeder.start()
    feeder.join(0.2)
    # One is at work, two wait, the next blocks.
    assert len(put) <= 3
    gate.set()
    feeder.join(PATIENCE_S)
    stage.finish()
    assert put == list(range(5))


def test_an_error_comes_out_and_nobody_waits_for_ever() -> None:
    def work(item: int) -> None:
        raise ValueError(f"item {item}")

    stage = Stage("test", work, bound=1)
    with pytest.raises(ValueError, match="item 0"):
        for item in range(1000):
            stage.put(item)
    with pytest.raises(ValueError, match="item 0"):
        stage.finish()
    stage.abandon()


def test_abandoning_throws_away_what_waits() -> None:
    begun, gate, done = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        begun.set()
        gate.wait(PATIENCE_S)
        done.append(item)

    stage = Stage("test", work, bound=5)
    for item in range(5):
        stage.put(item)
    assert begun.wait(PATIENCE_S)
    threading.Timer(0.1, gate.set).start()
    stage.abandon()
    stage.abandon()
    assert done == [0]
