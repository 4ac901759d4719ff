"""What is checked before anything heavy is loaded: the certificate, the address and the port."""

from __future__ import annotations

import socket
import ssl

from avatar_engine.drivers.live.service.options import ServeOptions
from avatar_engine.errors import AvatarError

BACKLOG = 128


class ServeError(AvatarError):
    """The server cannot start."""


def check_certificate(options: ServeOptions) -> None:
    """ServeError of one line where TLS cannot be had with what was given."""
    if options.tls_cert is None or options.tls_key is None:
        return
    try:
        # No password: a server has nobody to ask for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.tls_cert, options.tls_key, lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "unreadable"
        raise ServeError(
            f"--tls-cert {options.tls_cert} and --tls-key {options.tls_key}: {reason}; expected a PEM"
            " certificate chain and its private key without a password"
        ) from None


def bind(options: ServeOptions) -> socket.socket:
    """A listening socket; ServeError of one line where the address cannot be had."""
    try:
        facts = socket.getaddrinfo(
            options.host,
            options.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except OSError:
        facts = []
    if not facts:
        raise ServeError(f"--host {options.host}: no such address on this machine")
    family, kind, protocol, _, address = facts[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        remedy = "choose another --port, or end what has it" if options.port else "choose another --host"
        raise ServeError(
            f"cannot listen on {options.host} port {options.port}: {error.strerror or error}; {remedy}"
        ) from None
    made.setblocking(False)
    return made
