"""The worker's own end: a spawned process that does what comes over its pipe and ends with it.

Only the standard library is imported here at once: threads are limited before numpy is loaded.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar_engine.drivers.live.worker.stage import Stage
    from avatar_engine.drivers.live.worker.wire import Models, OpenModels, ToWorker

NICENESS = 5


def run(pipe: Connection, open_models: OpenModels, ring_name: str, largest: int) -> None:
    """Until the server hangs up."""
    _settle()
    from avatar_engine.drivers.live.worker.ring import Ring
    from avatar_engine.drivers.live.worker.wire import Broke

    ring = Ring.attach(ring_name, largest)
    with suppress(EOFError, OSError):
        try:
            _Server(pipe, open_models(), ring).serve()
        except (EOFError, OSError):
            raise
        except Exception as error:  # whatever a model raises: the server says it in one line and goes on
            line = (str(error) or type(error).__name__).splitlines()[0]
            pipe.send(Broke(f"{type(error).__name__}: {line}"))
    ring.close()


def _settle() -> None:
    """Be a quiet neighbour: no own threads, no spinning, low priority; Ctrl-C is the server's business."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["OMP_WAIT_POLICY"] = "passive"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)


class _Server:
    def __init__(self, pipe: Connection, models: Models, ring: object) -> None:
        self._pipe = pipe
        self._models = models
        self._ring = ring
        self._stage: Stage | None = None

    def serve(self) -> None:
        """Messages first, then one frame, and so on; sleeps where there is neither."""
        while True:
            busy = self._stage is not None and self._stage.busy
            if self._pipe.poll(0 if busy else None):
                self._do(self._pipe.recv())
            elif self._stage is not None and (framed := self._stage.step()) is not None:
                self._pipe.send(framed)

    def _do(self, message: ToWorker) -> None:
        from avatar_engine.drivers.live.interface import SessionOptions
        from avatar_engine.drivers.live.worker import stage
        from avatar_engine.drivers.live.worker.ring import Ring
        from avatar_engine.drivers.live.worker.wire import Measure, Measured, Open, Ready, Tell, Warm

        if isinstance(message, Tell):
            assert self._stage is not None
            self._stage.tell(message)
        elif isinstance(message, Open):
            assert isinstance(self._ring, Ring)
            self._stage = stage.Stage(self._models, message.options, self._ring, message.first_slot)
        elif isinstance(message, Warm):
            session = self._models.session(SessionOptions(message.avatar, message.size))
            renderer = self._models.renderer(message.avatar, message.size)
            stage.measure(self._models, message.avatar, (message.size,), 2)  # first frames are slow
            device = str(getattr(renderer, "device", "cpu"))
            self._pipe.send(Ready(device, session.lookahead_samples))
        elif isinstance(message, Measure):
            cost = stage.measure(self._models, message.avatar, message.sizes, message.frames)
            self._pipe.send(Measured(cost))
