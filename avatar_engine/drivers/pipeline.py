"""One step of a chain of threads: a bounded queue and the work done on what comes out of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Stage(Generic[Item]):
    """Does `work` on items in their order, in a thread of its own.

    When `bound` items wait, `put` waits too: nothing is ever dropped. After an error in `work` the rest is
    thrown away, so that nobody waits for ever, and the error comes out of the next `put` and of `finish`.
    """

    def __init__(self, name: str, work: Callable[[Item], None], bound: int) -> None:
        self._work = work
        self._queue: queue.Queue[Item | None] = queue.Queue(bound)
        self._error: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; raises what `work` raised on an earlier one."""
        if self._error is not None:
            raise self._error
        self._queue.put(item)

    def finish(self) -> None:
        """Wait until all is done; raises what `work` raised."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Throw away what waits, and wait for the item at work. Fine in every state, also twice."""
        self._abandoned = True
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is None and not self._abandoned:
                try:
                    self._work(item)
                except BaseException as error:
                    self._error = error
