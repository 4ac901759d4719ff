"""Starts worker processes. Only the standard library is imported here at once, so that the first worker loads
its models while the server is still loading itself."""

from __future__ import annotations

import multiprocessing
import os
import socket
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, NamedTuple

from avatar_engine.drivers.live.worker import process

if TYPE_CHECKING:
    from avatar_engine.drivers.live.worker.wire import OpenModels
    from avatar_engine.types import UInt8


class Spawned(NamedTuple):
    """A worker that runs, and the server's end of the pipe to it; a closed pipe ends it."""

    process: BaseProcess
    pipe: socket.socket


def open_pipe() -> tuple[socket.socket, Connection]:
    """The server's end, which never blocks, and the worker's."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, Connection(theirs.detach())


def spawn(open_models: OpenModels) -> Spawned:
    """A worker that loads what it draws with at once, and then does what it is told."""
    ours, theirs = open_pipe()
    made = multiprocessing.get_context("spawn").Process(
        target=process.run, args=(theirs, open_models), name="avatar-worker", daemon=True
    )
    try:
        made.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Spawned(made, ours)


def shipped_models(device: str, threads: int, avatar: str, background: UInt8 | None = None) -> OpenModels:
    """What a worker is to open: the shipped models, the avatar's among them, before a background."""
    return partial(process.open_shipped, device, threads, avatar, background)


def default_threads() -> int:
    """Threads of a worker's generator: all cores of a small machine, at most four."""
    return max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))
