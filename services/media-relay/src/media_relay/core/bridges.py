"""Which streams of this relay have each other for a far side, so that their media need not leave it.

Two of our browsers call each other: signalling names the one stream's port to the other and back. Until both are named
nothing is joined, and when one of them is sent elsewhere they are parted again. A stream that would get back what it
sends itself is a loop.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.errors import RemoteError

from .plan import Address, StreamPlan


class StreamPlace(NamedTuple):
    """A stream, by the number of its session and its place there."""

    session: int
    stream: int


@dataclass(frozen=True)
class Joined:
    """These two are each other's far side."""

    one: StreamPlace
    other: StreamPlace


@dataclass(frozen=True)
class Parted:
    """These two are so no more."""

    one: StreamPlace
    other: StreamPlace


BridgeChange = Joined | Parted


class Bridges:
    """Follows where each stream is sent to; `host` is what this relay tells others to send to."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._ports: dict[int, tuple[tuple[int, int], ...]] = {}
        self._by_rtp_port: dict[int, StreamPlace] = {}
        self._far_sides: dict[StreamPlace, StreamPlace] = {}  # of those that are sent to a stream of this relay
        self._bridged: dict[StreamPlace, StreamPlace] = {}
        self._partners: dict[int, int] = {}

    def add(self, session: int, ports: Sequence[tuple[int, int]]) -> None:
        """Take a session's RTP and RTCP ports, a pair for each stream."""
        self._ports[session] = tuple(ports)
        self._by_rtp_port |= {rtp: StreamPlace(session, stream) for stream, (rtp, _) in enumerate(ports)}

    def join(self, one: int, other: int) -> None:
        """Take note that each of two sessions has the other in the place of a browser, while both are there."""
        self._partners |= {one: other, other: one}

    def send(self, session: int, plans: Sequence[StreamPlan]) -> list[BridgeChange]:
        """Take where the streams are sent to from now on; raise `RemoteError` 482, and change nothing, for a loop."""
        far_sides: dict[StreamPlace, StreamPlace] = {}
        for stream, plan in enumerate(plans):
            place, far_side = StreamPlace(session, stream), self._stream_at(plan.sip_rtp)
            if self._is_own(session, plan.sip_rtp) or self._is_own(session, plan.sip_rtcp):
                raise RemoteError(482, "Loop Detected")
            if far_side is not None:
                if self._comes_back(place, far_side):
                    raise RemoteError(482, "Loop Detected")
                far_sides[place] = far_side
        own = [StreamPlace(session, stream) for stream in range(len(self._ports[session]))]
        for place in own:
            self._far_sides.pop(place, None)
        self._far_sides |= far_sides
        return self._changes(own)

    def remove(self, session: int) -> list[BridgeChange]:
        """Forget a session."""
        changes = self.send(session, ())
        self._partners.pop(self._partners.pop(session, session), None)
        for rtp, _ in self._ports.pop(session):
            del self._by_rtp_port[rtp]
        # The ports' next session is another far side.
        self._far_sides = {place: to for place, to in self._far_sides.items() if to.session != session}
        return changes

    def bridged(self, session: int) -> frozenset[int]:
        """Return which of the session's streams are joined with others."""
        streams = range(len(self._ports[session]))
        return frozenset(stream for stream in streams if StreamPlace(session, stream) in self._bridged)

    def _stream_at(self, address: Address | None) -> StreamPlace | None:
        if address is None or address.host != self._host:
            return None
        return self._by_rtp_port.get(address.port)

    def _is_own(self, session: int, address: Address | None) -> bool:
        if address is None or address.host != self._host:
            return False
        return any(address.port in pair for pair in self._ports[session])

    def _comes_back(self, start: StreamPlace, far_side: StreamPlace) -> bool:
        """Follow the media. To and fro between two streams is a call; any other way back to the session is a loop.

        What comes to a session that has a partner goes out by that one, so a way back to either is a way back to both.
        """
        if self._far_sides.get(far_side) == start and far_side.session not in self._partners:
            return False
        own = {start.session, self._partners.get(start.session)}
        seen: set[StreamPlace] = set()
        place: StreamPlace | None = far_side
        while place is not None and place not in seen:
            seen.add(place)
            if place.session in own:
                return True
            out = StreamPlace(self._partners.get(place.session, place.session), place.stream)
            place = self._far_sides.get(out)
        return False

    def _changes(self, places: Iterable[StreamPlace]) -> list[BridgeChange]:
        parted: list[BridgeChange] = []
        joined: list[BridgeChange] = []
        for place in places:
            before, now = self._bridged.get(place), self._far_sides.get(place)
            if now is not None and self._far_sides.get(now) != place:
                now = None
            if before == now:
                continue
            if before is not None:
                del self._bridged[place], self._bridged[before]
                parted.append(Parted(place, before))
            if now is not None:
                self._bridged |= {place: now, now: place}
                joined.append(Joined(place, now))
        return parted + joined
