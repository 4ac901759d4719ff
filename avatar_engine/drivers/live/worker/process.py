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
    from avatar_engine.drivers.live.worker.wire import FromWorker, Models, OpenModels, ToWorker
    from avatar_engine.types import UInt8

NICENESS = 5


def run(pipe: Connection, open_models: OpenModels) -> None:
    """Until the server hangs up."""
    _settle()
    from avatar_engine.drivers.live.worker.wire import Broke, in_a_line

    with suppress(EOFError, OSError):
        try:
            _Server(pipe, open_models()).serve()
        except (EOFError, OSError):
            raise
        except Exception as error:  # whatever a model raises: the server says it in one line and goes on
            pipe.send(Broke(in_a_line(error)))


def _settle() -> None:
    """Be a quiet neighbour: no own threads, no spinning, low priority; Ctrl-C is the server's business."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["OMP_WAIT_POLICY"] = "passive"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def open_shipped(device: str, threads: int, avatar: str, background: UInt8 | None = None) -> Models:
    """The shipped models, this avatar's loaded: a worker's first session is most often his."""
    from avatar_engine.drivers.live.worker.models import ShippedModels

    models = ShippedModels(device, threads, background)
    models.load_largest(avatar)
    return models


class _Server:
    def __init__(self, pipe: Connection, models: Models) -> None:
        from avatar_engine.drivers.live.worker.studio import Studio

        self._pipe = pipe
        self._models = models
        self._studio = Studio(models)

    def serve(self) -> None:
        """All messages first, then one batch of frames, and so on; sleeps where there is neither."""
        while True:
            while self._pipe.poll(0 if self._studio.busy else None):
                answer = self._do(self._pipe.recv())
                if answer is not None:
                    self._pipe.send(answer)
            for said in self._studio.draw():
                self._pipe.send(said)

    def _do(self, message: ToWorker) -> FromWorker | None:
        from avatar_engine.drivers.live.interface import SessionOptions
        from avatar_engine.drivers.live.worker.ring import Ring
        from avatar_engine.drivers.live.worker.studio import measure
        from avatar_engine.drivers.live.worker.wire import Enter, Leave, Measure, Measured, Ready, ToSeat

        if isinstance(message, ToSeat):
            return self._studio.tell(message.seat, message.slot)
        if isinstance(message, Enter):
            ring = Ring.attach(message.ring, message.session.options.size)
            return self._studio.enter(message.seat, message.session, ring)
        if isinstance(message, Leave):
            self._studio.leave(message.seat)
            return None
        if isinstance(message, Measure):
            m = message
            return Measured(measure(self._models, m.avatar, m.sizes, m.frames, m.together))
        session = self._models.session(SessionOptions(message.avatar, message.size))
        renderer = self._models.renderer(message.avatar, message.size)
        measure(self._models, message.avatar, (message.size,), 2)  # first frames are slow
        return Ready(str(getattr(renderer, "device", "cpu")), session.lookahead_samples)
