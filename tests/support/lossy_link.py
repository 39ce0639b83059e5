"""A lossy link between a peer and the relay: a UDP port that loses, repeats, reorders and delays media.

What becomes of each packet a seeded random says, so the same packets meet the same fate each time. STUN and DTLS pass
unharmed: what they do about loss is not what is tested with it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from media_relay.core.packet.demux import DatagramKind, kind_of
from media_relay.core.plan import Address

_OVERTAKEN_BY = 3  # packets, if it is held back
_FLUSH_SECONDS = 0.05  # after the last packet, when none comes any more to overtake
_BUFFER = 1 << 21

Send = Callable[[bytes], object]


@dataclass(frozen=True)
class Faults:
    """What a link does to the packets of one direction: shares of them, and for the jitter seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    jitter: float = 0.0


@dataclass
class _HeldBack:
    packet: bytes
    send: Send
    left: int = _OVERTAKEN_BY


class Direction:
    """One way through the link; `delivered` is what has left it, in that order."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.delivered: list[bytes] = []
        self.taken = self.lost = 0
        self._random = Random(seed)
        self._loop = asyncio.get_running_loop()
        self._held_back: list[_HeldBack] = []
        self._flush: asyncio.TimerHandle | None = None
        self._last_departure = 0.0
        self._late = 0  # by jitter, and on their way
        self._moved = asyncio.Event()

    async def carried(self, count: int) -> None:
        """Return once so many packets have come in and those that are not lost have left."""
        while self.taken < count or self._held_back or self._late:
            self._moved.clear()
            await asyncio.wait_for(self._moved.wait(), 5)

    def take(self, packet: bytes, send: Send) -> None:
        """Carry one packet, if its lot says so."""
        if kind_of(packet) not in (DatagramKind.RTP, DatagramKind.RTCP):
            send(packet)
            return
        self.taken += 1
        self._moved.set()
        # All four are drawn each time, so that the share of one fault does not change what the others hit.
        lost, doubled, held_back, late = (self._random.random() for _ in range(4))
        if lost < self.faults.loss:
            self.lost += 1
        elif held_back < self.faults.reordering:
            self._hold_back(packet, send)
        else:
            for _ in range(2 if doubled < self.faults.duplication else 1):
                self._depart(packet, send, late * self.faults.jitter)
            self._overtake()

    def close(self) -> None:
        """Forget what is held back."""
        if self._flush is not None:
            self._flush.cancel()

    def _depart(self, packet: bytes, send: Send, delay: float) -> None:
        """Jitter keeps the order: a packet that is late makes those behind it late."""
        if self.faults.jitter:
            self._late += 1
            self._last_departure = max(self._last_departure, self._loop.time() + delay)
            self._loop.call_at(self._last_departure, self._arrive, packet, send)
        else:
            self._deliver(packet, send)

    def _arrive(self, packet: bytes, send: Send) -> None:
        self._late -= 1
        self._deliver(packet, send)

    def _deliver(self, packet: bytes, send: Send) -> None:
        self.delivered.append(packet)
        self._moved.set()
        with contextlib.suppress(OSError):  # whoever it is for has closed; UDP loses it
            send(packet)

    def _hold_back(self, packet: bytes, send: Send) -> None:
        self._held_back.append(_HeldBack(packet, send))
        self.close()
        self._flush = self._loop.call_later(_FLUSH_SECONDS, self._let_go, _OVERTAKEN_BY)

    def _overtake(self) -> None:
        for held in self._held_back:
            held.left -= 1
        self._let_go(0)

    def _let_go(self, most_left: int) -> None:
        ready = [held for held in self._held_back if held.left <= most_left]
        self._held_back = [held for held in self._held_back if held.left > most_left]
        for held in ready:
            self._depart(held.packet, held.send, 0.0)


class LossyLink:
    """Carries the datagrams of any number of peers to one port of the relay, and back."""

    def __init__(self, relay: Address, near: Address, inward: Faults, outward: Faults, seed: int) -> None:
        self.inward = Direction(inward, seed)  # towards the relay
        self.outward = Direction(outward, seed + 1)
        self._relay = relay
        self._far_host = near.host
        self._loop = asyncio.get_running_loop()
        self._far_ends: dict[Address, socket.socket] = {}
        self._near = self._bind(near)
        self._loop.add_reader(self._near, self._read_near)

    @property
    def address(self) -> Address:
        """Where peers send to."""
        return Address(*self._near.getsockname()[:2])

    def close(self) -> None:
        """Close all ports."""
        self.inward.close()
        self.outward.close()
        self._close_far_ends()
        self._loop.remove_reader(self._near)
        self._near.close()

    def forget(self, host: str) -> None:
        """Forget the peers, as a NAT does that has got another address: what they send comes from new ports of it."""
        self._far_host = host
        self._close_far_ends()
        self._far_ends.clear()

    def _close_far_ends(self) -> None:
        for bound in self._far_ends.values():
            self._loop.remove_reader(bound)
            bound.close()

    def _bind(self, address: Address) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        bound.bind(address)
        return bound

    def _far_end(self, peer: Address) -> socket.socket:
        """Each peer has a port of its own towards the relay, which tells them apart by it."""
        if peer not in self._far_ends:
            self._far_ends[peer] = opened = self._bind(Address(self._far_host, 0))
            self._loop.add_reader(opened, self._read_far, opened, peer)
        return self._far_ends[peer]

    def _read_near(self) -> None:
        with contextlib.suppress(OSError):  # nothing more; or the ICMP error of a peer that is gone
            while True:
                packet, peer = self._near.recvfrom(2048)
                far_end = self._far_end(Address(*peer[:2]))
                self.inward.take(packet, lambda sent, far_end=far_end: far_end.sendto(sent, self._relay))

    def _read_far(self, far_end: socket.socket, peer: Address) -> None:
        with contextlib.suppress(OSError):  # as above
            while True:
                packet = far_end.recv(2048)
                self.outward.take(packet, lambda sent: self._near.sendto(sent, peer))


@contextlib.contextmanager
def lossy_link(
    relay: Address,
    inward: Faults,
    outward: Faults | None = None,
    *,
    seed: int = 1,
    near: Address = Address("127.0.0.1", 0),  # noqa: B008 - a tuple
) -> Iterator[LossyLink]:
    """Put a link before the relay's port while the block runs; `outward` is like `inward` if nothing is said."""
    link = LossyLink(relay, near, inward, outward or inward, seed)
    try:
        yield link
    finally:
        link.close()
