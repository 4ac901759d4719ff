"""Options of `avatar-engine serve`, each with its one default, and their checks. Imports nothing heavy."""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from avatar_engine.config import DEVICES
from avatar_engine.errors import UsageError

if TYPE_CHECKING:
    from avatar_engine.types import UInt8

KEY_VARIABLE = "AVATAR_ENGINE_API_KEY"
SHORTEST_KEY = 8
WORKERS = ("auto", "own", "shared")
LOG_LEVELS = ("debug", "info", "warning", "error")
ANY_ORIGIN = "*"
LOWEST_UDP_PORT = 1_024


@dataclass(frozen=True, slots=True)
class IceHelp:
    """One STUN or TURN server, as browsers take it."""

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a server runs."""

    host: str = "127.0.0.1"
    port: int = 8080
    "0: any free one; the log says which."
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    cors_origins: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    ice: tuple[IceHelp, ...] = ()
    udp_ports: tuple[int, int] | None = None
    "First and last one for media; None: any."
    background: UInt8 | None = field(default=None, compare=False, repr=False)
    "uint8 [h, h, 3], RGB, in place of the avatars' own walls; read once: the file may go."
    device: str = "auto"
    workers: str = "auto"
    "One of WORKERS."
    spare_worker: bool = True
    max_sessions: int = 0
    max_viewers: int = 8
    abandoned_s: float = 60.0
    idle_s: float = 1_800.0
    drain_s: float = 10.0
    log_level: str = "info"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody outside this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `serve`."""
    own = ServeOptions()
    add = parser.add_argument
    add("--host", default=own.host, help=f"address to listen on (default {own.host}; 0.0.0.0: the world)")
    add("--port", type=int, default=own.port, help=f"(default {own.port}; 0: any free one)")
    add(
        "--api-key",
        action="append",
        default=[],
        metavar="KEY",
        help="needed to open sessions, as 'Authorization: Bearer KEY'; may be repeated (better:"
        f" ${KEY_VARIABLE}, which no process list shows)",
    )
    add(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a page's origin that may connect, such as https://shop.example; may be repeated; '*': any",
    )
    add("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM): https and wss")
    add("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    add("--stun", action="append", default=[], metavar="URL", help="stun:HOST:PORT; may be repeated")
    add(
        "--turn",
        action="append",
        default=[],
        metavar="URL",
        help="turn:HOST:PORT[?transport=tcp] with --turn-user and --turn-password; may be repeated",
    )
    add("--turn-user", metavar="NAME", help="for all --turn")
    add("--turn-password", metavar="PASSWORD", help="for all --turn (or $AVATAR_ENGINE_TURN_PASSWORD)")
    add("--udp-ports", metavar="A-B", help="ports for media, both included (default: any)")
    add("--background", metavar="COLOR|IMAGE", help="behind the avatar, in place of its own")
    add("--device", default=own.device, choices=DEVICES, help=f"(default {own.device})")
    add(
        "--workers",
        default=own.workers,
        choices=WORKERS,
        help="a process for each session, or one that draws all in batches (default auto: own on the CPU,"
        " shared on a GPU)",
    )
    add(
        "--no-spare-worker",
        action="store_false",
        dest="spare_worker",
        help="keep no warm process for the one that is lost: saves its memory, on a GPU too, and makes a"
        " replacement take seconds",
    )
    add(
        "--max-sessions",
        type=int,
        default=own.max_sessions,
        metavar="N",
        help="at once (default: as many as this machine's measured speed allows)",
    )
    add(
        "--max-viewers",
        type=int,
        default=own.max_viewers,
        metavar="N",
        help=f"of one session (default {own.max_viewers})",
    )
    add(
        "--abandoned-s",
        type=float,
        default=own.abandoned_s,
        metavar="S",
        help=f"a session without socket and viewer ends after (default {own.abandoned_s:g})",
    )
    add(
        "--idle-s",
        type=float,
        default=own.idle_s,
        metavar="S",
        help=f"a session to which nothing is said ends after (default {own.idle_s:g}; 0: never)",
    )
    add(
        "--drain-s",
        type=float,
        default=own.drain_s,
        metavar="S",
        help=f"after SIGTERM what is being said may end for that long (default {own.drain_s:g})",
    )
    add("--log-level", default=own.log_level, choices=LOG_LEVELS, help=f"(default {own.log_level})")


def from_arguments(given: argparse.Namespace, environment: Mapping[str, str]) -> ServeOptions:
    """The checked options; UsageError of one line for the first that does not hold."""
    keys = tuple(given.api_key) or tuple(filter(None, [environment.get(KEY_VARIABLE, "").strip()]))
    for key in keys:
        if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(
                f"an API key needs at least {SHORTEST_KEY} printable ASCII characters without blanks"
            )
    _in_range("--port", given.port, 0, 65_535)
    _in_range("--max-sessions", given.max_sessions, 0, 10_000)
    _in_range("--max-viewers", given.max_viewers, 1, 1_000)
    _in_range("--abandoned-s", given.abandoned_s, 1, 86_400)
    _in_range("--idle-s", given.idle_s, 0, 864_000)
    _in_range("--drain-s", given.drain_s, 0, 3_600)
    if (given.tls_cert is None) != (given.tls_key is None):
        raise UsageError("--tls-cert and --tls-key belong together: give both or none")
    for option, path in (("--tls-cert", given.tls_cert), ("--tls-key", given.tls_key)):
        if path is not None and not path.is_file():
            raise UsageError(f"{option}: no file {path}")
    return ServeOptions(
        host=_host(given.host),
        port=given.port,
        api_keys=keys,
        cors_origins=tuple(_origin(text) for text in given.cors_origin),
        tls_cert=given.tls_cert,
        tls_key=given.tls_key,
        ice=_ice(given, environment),
        udp_ports=_ports(given.udp_ports),
        background=_background(given.background),
        device=given.device,
        workers=given.workers,
        spare_worker=given.spare_worker,
        max_sessions=given.max_sessions,
        max_viewers=given.max_viewers,
        abandoned_s=given.abandoned_s,
        idle_s=given.idle_s,
        drain_s=given.drain_s,
        log_level=given.log_level,
    )


def _background(text: str | None) -> UInt8 | None:
    """UsageError for what is neither a colour nor an image."""
    if text is None:
        return None
    from avatar_engine.drivers.media.background import (  # OpenCV, only if asked for
        TRANSPARENT,
        read_background,
    )

    if text == TRANSPARENT:
        raise UsageError("--background transparent: live video has no alpha; name a colour or an image")
    return read_background(text)


def warnings_about(options: ServeOptions) -> list[str]:
    """What whoever starts a server like that should know, a line each."""
    lines = []
    if not options.is_loopback and not options.api_keys:
        lines.append(
            f"{options.host} is open to others and there is no API key: anybody who reaches it can open"
            f" sessions; set {KEY_VARIABLE} or use --host 127.0.0.1"
        )
    if not options.is_loopback and options.tls_cert is None:
        lines.append(
            "no TLS: keys and sound travel in clear, and browsers give no microphone; use --tls-cert and"
            " --tls-key, or a proxy that speaks https"
        )
    if ANY_ORIGIN in options.cors_origins:
        lines.append("--cors-origin '*': every web page that a visitor opens may connect")
    return lines


def _in_range(option: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{option} must lie in {low:g}..{high:g}, not {value:g}")


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]{1,255}", text):
        raise UsageError(f"--host must be a name or an address, not {text[:60]!r}")
    return text


def _origin(text: str) -> str:
    """'https://shop.example[:port]' in the form that browsers send."""
    if text == ANY_ORIGIN:
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise UsageError(f"--cors-origin must look like https://shop.example, not {text[:80]!r}")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{name}{'' if port in (None, default) else f':{port}'}"


def _ice(given: argparse.Namespace, environment: Mapping[str, str]) -> tuple[IceHelp, ...]:
    password = given.turn_password or environment.get("AVATAR_ENGINE_TURN_PASSWORD")
    if given.turn and not (given.turn_user and password):
        raise UsageError("--turn needs --turn-user and --turn-password")
    for url, schemes in [(url, "stuns?") for url in given.stun] + [(url, "turns?") for url in given.turn]:
        if not re.fullmatch(schemes + r":[A-Za-z0-9.\[\]:-]+(\?transport=(udp|tcp))?", url):
            kind = schemes.rstrip("s?")
            raise UsageError(f"--{kind} must look like {kind}:{kind}.example:3478, not {url[:80]!r}")
    helpers = [IceHelp(url) for url in given.stun]
    helpers += [IceHelp(url, given.turn_user, password) for url in given.turn]
    return tuple(helpers)


def _ports(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text.strip())
    if found is None:
        raise UsageError(f"--udp-ports must look like 50000-50100, not {text[:40]!r}")
    first, last = int(found[1]), int(found[2])
    if not LOWEST_UDP_PORT <= first <= last <= 65_535:
        raise UsageError(f"--udp-ports must rise within {LOWEST_UDP_PORT}..65535, not {text}")
    return first, last
