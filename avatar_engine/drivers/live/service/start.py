"""avatar-engine serve until its first log line: options, port, worker. Imports nothing heavy at once."""

from __future__ import annotations

import os
from argparse import Namespace

from avatar_engine.config import RenderOptions
from avatar_engine.drivers.live.service.listen import bind, check_certificate
from avatar_engine.drivers.live.service.options import from_arguments
from avatar_engine.drivers.live.worker.spawn import default_threads, shipped_models, spawn


def run(given: Namespace) -> int:
    """avatar-engine serve"""
    options = from_arguments(given, os.environ)
    check_certificate(options)
    with bind(options) as listening:
        # The worker loads its models while this process loads the server: a second less until it is ready.
        models = shipped_models(options.device, default_threads(), RenderOptions().avatar, options.background)
        first = spawn(models)
        from avatar_engine.drivers.live.service import serve

        return serve.run(options, listening, first, debug=given.debug)
