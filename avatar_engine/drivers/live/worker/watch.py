"""Whether a worker that says nothing hangs or is only slow. Sends nothing, knows no pipe.

A worker owes an answer for every slot. One that is silent meanwhile hangs if it does not want the processor
either (stopped, or waiting for what never comes), or if it has had more of it than any picture needs (an
endless loop). One that waits for its turn on a loaded machine wants the processor and gets little: slow, and
left alone. Time in which the server itself stood still does not count.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.1
"Between two looks."
QUIET_S = 0.2
"So long a silence is nothing to look into."
IDLE_S = 1.0
"Silence, all of it without wanting the processor, after which a worker hangs."
LOOPING_S = 2.0
"Processor seconds without an answer; a picture takes a tenth of one on a slow core."
BLIND_S = 5.0
"Silence where the system does not tell what a process does."
TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


@dataclass(frozen=True, slots=True)
class Activity:
    """What a process is at."""

    wants: bool
    "A thread of it runs, waits for its turn to, or for the disk."
    spent_s: float
    "Processor seconds of all its threads so far."


def activity_of(pid: int) -> Activity | None:
    """None where the system does not tell: no Linux, or no such process."""
    wants, ticks = False, 0
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return None
    for thread in threads:
        with suppress(OSError):  # it ended meanwhile
            # pid (name) state ...: a name may have brackets and blanks of its own
            fields = (
                (thread / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            )
            wants = wants or fields[0] in "RD"
            ticks += int(fields[11]) + int(fields[12])
    return Activity(wants, ticks * TICK_S)


class Watch:
    """Of one worker."""

    def __init__(self, look_into: Callable[[], Activity | None], now: float) -> None:
        self._look_into = look_into
        self._looked = now
        self.heard()

    def heard(self) -> None:
        """It said something."""
        self._silent_s = self._idle_s = 0.0
        self._spent_s: float | None = None

    def look(self, now: float, *, owes: bool, is_loading: bool = False) -> str | None:
        """About every LOOK_S: why it must be given up, or None. is_loading: it may work for long."""
        passed, self._looked = min(now - self._looked, 2 * LOOK_S), now
        if not owes:
            self.heard()
            return None
        self._silent_s += passed
        if self._silent_s < QUIET_S:
            self._idle_s = self._silent_s
            return None
        activity = self._look_into()
        if activity is None:
            is_over = self._silent_s >= BLIND_S and not is_loading
            return f"no answer for {BLIND_S:.0f} s" if is_over else None
        if not activity.wants:
            self._idle_s += passed
        self._spent_s = activity.spent_s if self._spent_s is None else self._spent_s
        if self._idle_s >= IDLE_S:
            return f"it hangs (no answer for {self._silent_s:.1f} s)"
        if activity.spent_s - self._spent_s >= LOOPING_S and not is_loading:
            return f"it hangs (no answer for {LOOPING_S:.0f} s of work)"
        return None
