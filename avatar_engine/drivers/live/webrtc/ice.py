"""Where media sockets are opened: which addresses, which ports. aiortc has no options for either, so the
connection of its gatherer is given another class before it gathers.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass

import aioice
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
STUN_S = 2.0
"So long a STUN server may take."


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server: `stun:host:port`, `turn:host:port?transport=udp`."""

    url: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How viewers reach the media."""

    ice_servers: tuple[IceServer, ...] = ()
    "Nobody is asked unless named here."
    ports: tuple[int, int] | None = None
    "First and last UDP port of the media; None: any. A viewer takes one on each address."
    addresses: tuple[str, ...] | None = None
    "Local addresses to offer; None: all of this machine, and 127.0.0.1 where there is no other."

    def __post_init__(self) -> None:
        if self.ports is not None and not 1 <= self.ports[0] <= self.ports[1] <= 65_535:
            raise ValueError(
                f"UDP ports must be a range within 1..65535, not {self.ports[0]}-{self.ports[1]}"
            )

    def configuration(self) -> RTCConfiguration:
        """For a new peer connection: an empty list, so that aiortc does not ask its default server."""
        return RTCConfiguration(
            iceServers=[RTCIceServer(s.url, s.username, s.credential) for s in self.ice_servers]
        )


class NoPortError(OSError):
    """No UDP port could be opened."""


class _Connection(aioice.Connection):
    """Gathers on the addresses and ports that the options name."""

    network: NetworkOptions

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        chosen = list(self.network.addresses or addresses)
        if not any(":" not in address for address in chosen):
            chosen.append(LOOPBACK)
        protocols = [p for p in [await self._bound(component, address) for address in chosen] if p]
        if not protocols:
            raise NoPortError(f"no UDP port could be opened on {', '.join(chosen)}")
        self._protocols += protocols
        candidates = [protocol.local_candidate for protocol in protocols]
        if self.stun_server:
            asked = [
                asyncio.create_task(server_reflexive_candidate(protocol, self.stun_server))
                for protocol in protocols
                if ":" not in protocol.local_candidate.host
            ]
            done, late = await asyncio.wait(asked, timeout=STUN_S)
            candidates += [task.result()[0] for task in done if task.exception() is None]
            for task in late:
                task.cancel()
        if self.turn_server:
            candidates += await super().get_component_candidates(component, [], timeout)
        return candidates

    async def _bound(self, component: int, address: str) -> StunProtocol | None:
        """A socket on `address`, on the first free port of the range from a random place on."""
        loop = asyncio.get_running_loop()
        ports = [0]
        if self.network.ports is not None:
            first, last = self.network.ports
            start = random.randrange(last - first + 1)
            ports = [first + (start + k) % (last - first + 1) for k in range(last - first + 1)]
        for port in ports:
            try:
                _, protocol = await loop.create_datagram_endpoint(
                    lambda: StunProtocol(self), local_addr=(address, port)
                )
            except OSError as error:
                logger.debug("no socket on %s port %s: %s", address, port, error)
                continue
            host, bound, *_ = protocol.transport.get_extra_info("sockname")
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=host,
                port=bound,
                type="host",
            )
            return protocol
        return None


def restrict(connection: RTCPeerConnection, network: NetworkOptions) -> None:
    """Let a peer connection, all its transceivers there, gather as `network` says."""
    for transceiver in connection.getTransceivers():
        ice = transceiver.receiver.transport.transport._connection
        vars(ice)["network"] = network
        ice.__class__ = _Connection
