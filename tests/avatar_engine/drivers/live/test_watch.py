"""What hangs and what is only slow."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from avatar_engine.drivers.live.worker.watch import Activity, Watch, activity_of


class Worker:
    """Answers what `Watch` looks into; counts how often."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wants: bool | None = True
        self.spent_s = 7.0
        self.looked_into = 0
        self.watch = Watch(self._activity, self.now)

    def _activity(self) -> Activity | None:
        self.looked_into += 1
        return None if self.wants is None else Activity(self.wants, self.spent_s)

    def pass_time(
        self,
        seconds: float,
        *,
        work: float = 0.0,
        owes: bool = True,
        is_loading: bool = False,
        step: float = 0.1,
    ) -> str | None:
        """work: processor seconds a second."""
        for _ in range(round(seconds / step)):
            self.now += step
            self.spent_s += work * step
            reason = self.watch.look(self.now, owes=owes, is_loading=is_loading)
            if reason is not None:
                return reason
        return None


def test_who_is_silent_and_wants_nothing_hangs_after_a_second() -> None:
    worker = Worker()
    assert worker.pass_time(5.0, owes=False) is None  # nothing to say is no silence
    worker.wants = False
    assert worker.pass_time(0.9) is None
    assert worker.pass_time(0.3) in ("it hangs (no answer for 1.0 s)", "it hangs (no answer for 1.1 s)")


def test_who_waits_for_the_processor_is_slow_however_long_it_takes() -> None:
    worker = Worker()
    assert worker.pass_time(60.0, work=0.02) is None
    worker.watch.heard()
    assert worker.pass_time(60.0, work=0.02) is None


def test_who_works_without_end_hangs_unless_it_loads() -> None:
    worker = Worker()
    assert worker.pass_time(10.0, work=1.0, is_loading=True) is None
    worker.watch.heard()
    assert worker.pass_time(2.1, work=1.0) is None
    assert worker.pass_time(0.3, work=1.0) == "it hangs (no answer for 2 s of work)"
    worker = Worker()
    worker.wants = False
    assert worker.pass_time(2.0, is_loading=True) is not None  # loading wants the processor or the disk


def test_an_answer_ends_the_silence_and_costs_no_look_into_the_process() -> None:
    worker = Worker()
    worker.wants = False
    for _ in range(50):
        assert worker.pass_time(0.1) is None
        worker.watch.heard()
    assert worker.looked_into == 0


def test_time_in_which_the_server_itself_stood_still_does_not_count() -> None:
    worker = Worker()
    worker.wants = False
    assert worker.pass_time(30.0, step=10.0) is None
    assert worker.pass_time(1.0) is not None


def test_where_the_system_tells_nothing_it_takes_longer() -> None:
    worker = Worker()
    worker.wants = None
    assert worker.pass_time(4.5) is None
    assert worker.pass_time(1.0) == "no answer for 5 s"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc")  # noqa: PTH110
def test_what_the_system_tells_of_a_process() -> None:
    spent = activity_of(os.getpid())
    start = time.process_time()
    while time.process_time() - start < 0.1:
        pass
    now = activity_of(os.getpid())
    assert spent is not None and now is not None and now.wants  # it is running: it looks
    assert 0.05 <= now.spent_s - spent.spent_s < 5
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as asleep:
        deadline = time.monotonic() + 20
        while (told := activity_of(asleep.pid)) is None or told.wants:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert asleep.stdin is not None
        asleep.stdin.close()
    assert activity_of(2**22 + 1) is None
