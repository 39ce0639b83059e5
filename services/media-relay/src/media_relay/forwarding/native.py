"""The forwarder in C: translates plans into what `native/` takes, and hands up what it leaves to Python.

Packets never come here, only STUN and DTLS. Everything that is counted is counted there and read without a lock.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence

from shared.messages.media import Side

from .. import _native
from ..core.counters import Counters, Direction, Drop, PacketKind, Repair
from ..core.latch import LatchPolicy
from ..core.packet.demux import DatagramKind
from ..core.plan import Address, BrowserPath, StreamPlan
from ..core.srtp_keys import SrtpKeys, SrtpProfile
from ..core.statistics import SourceStatistics
from .forwarder import DatagramHandler, EventHandler, SessionEnd, StreamSockets

# Under load, packets are let come together: a thread that sleeps and wakes for each costs twice as much. The most from
# one round to the next, with the time that the round takes counted twice; a packet is delayed by half of it.
_PACING_SECONDS = 640e-6
_HAND_UP_BUDGET = 64  # datagrams a turn of the loop

# Counters as the native part orders them.
_FLOWS: tuple[tuple[Direction, PacketKind], ...] = (
    ("browser_to_sip", "audio"),
    ("browser_to_sip", "video"),
    ("browser_to_sip", "rtcp"),
    ("sip_to_browser", "audio"),
    ("sip_to_browser", "video"),
    ("sip_to_browser", "rtcp"),
)
_DROPS = tuple(Drop(name) for name in _native.DROPS.split())
_REPAIRS = tuple(Repair(name) for name in _native.REPAIRS.split())
_PROFILES = {
    SrtpProfile.AES128_CM_SHA1_80: 0,
    SrtpProfile.AEAD_AES_128_GCM: 1,
    SrtpProfile.AEAD_AES_256_GCM: 2,
    SrtpProfile.AES128_CM_SHA1_32: 3,
}
_KINDS = {0: DatagramKind.STUN, 1: DatagramKind.DTLS, 3: DatagramKind.RTCP}
_EVENTS: dict[int, Side] = {5: "browser", 6: "sip"}
_NO_PAYLOAD_TYPE = 0xFF
_EVENT_PAYLOAD_TYPE = 0xFE


class NativeForwarder:
    """See `forwarder.Forwarder`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        browser_sockets: Sequence[socket.socket],
        on_datagram: DatagramHandler,
        on_event: EventHandler,
        latch_policy: LatchPolicy | None = None,
        pacing_seconds: float = _PACING_SECONDS,
    ) -> None:
        policy = latch_policy or LatchPolicy()
        self._loop = loop
        self._on_datagram = on_datagram
        self._on_event = on_event
        self._slots: dict[int, int] = {}
        self._is_closed = False
        self._native = _native.Relay(
            tuple(bound.fileno() for bound in browser_sockets),
            policy.other_host_seconds,
            policy.settle_seconds,
            policy.probation_packets,
            policy.unheard_packets_per_second,
            pacing_seconds,
        )
        for bound in browser_sockets:
            bound.detach()
        loop.add_reader(self._native.fileno(), self._drain)

    def add_session(self, session: int, streams: Sequence[StreamSockets]) -> None:
        """Begin to read the sockets."""
        described = tuple((each.rtp.fileno(), each.rtcp.fileno(), tuple(each.barred)) for each in streams)
        self._slots[session] = self._native.add_session(session, described)
        for each in streams:
            each.rtp.detach()
            each.rtcp.detach()

    def set_streams(self, session: int, plans: Sequence[StreamPlan]) -> None:
        """Take a new plan for each stream."""
        self._native.set_streams(self._slots[session], tuple(_flat(plan) for plan in plans))

    def set_keys(self, session: int, keys: SrtpKeys | None) -> None:
        """Start SRTP anew."""
        self._native.set_keys(self._slots[session], _flat_keys(keys))

    def set_bridge(self, session: int, stream: int, other: tuple[int, int] | None) -> None:
        """Join two streams, or part them."""
        to = () if other is None else (self._slots[other[0]], other[1])
        self._native.set_bridge(self._slots[session], stream, *to)

    def request_keyframe(self, session: int, side: Side) -> None:
        """Send Picture Loss Indications."""
        self._native.request_keyframe(self._slots[session], side == "browser")

    def send_rtcp(self, session: int, stream: int, side: Side, packet: bytes) -> None:
        """Send RTCP of our own making."""
        self._native.send_rtcp(self._slots[session], stream, side == "browser", packet)

    def begin_event(self, session: int, stream: int) -> None:
        """Hold the browser's media back."""
        self._native.set_event(self._slots[session], stream, True)

    def send_event(self, session: int, stream: int, payload: bytes, marker: bool, later: int = 0) -> None:
        """Send a packet of the event."""
        self._native.send_own(self._slots[session], stream, _NO_PAYLOAD_TYPE, payload, marker, later)

    def send_media(
        self, session: int, stream: int, payload_type: int, payload: bytes, marker: bool, later: int
    ) -> None:
        """Send a packet of media of our own."""
        self._native.send_own(self._slots[session], stream, payload_type, payload, marker, later)

    def set_headless(self, session: int, partner: int | None) -> None:
        """Do without a browser."""
        other = () if partner is None else (self._slots[partner],)
        self._native.set_headless(self._slots[session], *other)

    def end_event(self, session: int, stream: int) -> None:
        """Go on with the browser's media."""
        self._native.set_event(self._slots[session], stream, False)

    def set_ufrags(self, session: int, ufrags: Sequence[str]) -> None:
        """Let checks find the session."""
        self._native.set_ufrags(self._slots[session], *ufrags)

    def add_source(self, session: int, source: BrowserPath) -> None:
        """Take what comes from there for the session's."""
        self._native.set_source(self._slots[session], source, True)

    def remove_source(self, session: int, source: BrowserPath) -> None:
        """Unless another session has the address by now."""
        self._native.set_source(self._slots[session], source, False)

    def set_destination(self, session: int, destination: BrowserPath | None) -> None:
        """Send the browser's media there."""
        self._native.set_destination(self._slots[session], destination)

    def remove_session(self, session: int) -> SessionEnd:
        """Forget it and close its sockets."""
        count, values, peers = self._native.remove_session(self._slots.pop(session))
        heard = tuple(
            frozenset(Address(*source) for stream, source in peers if stream == place) for place in range(count)
        )
        return SessionEnd(_counters(values), heard)

    def send(self, datagram: bytes, destination: BrowserPath) -> None:
        """Send STUN or DTLS to a browser."""
        self._native.send(datagram, destination)

    def counters(self, session: int) -> Counters:
        """Return a session's counters as they stand."""
        return _counters(self._native.counters(self._slots[session]))

    def statistics(self, session: int) -> tuple[SourceStatistics, ...]:
        """Return what is known of its sources."""
        return tuple(SourceStatistics(*values) for values in self._native.statistics(self._slots[session]))

    def unattributed(self) -> Counters:
        """Return the counters of what belongs to no session."""
        return _counters(self._native.counters())

    def close(self) -> None:
        """End the thread and close all sockets."""
        self._is_closed = True
        self._loop.remove_reader(self._native.fileno())
        self._slots.clear()
        self._native.close()

    def _drain(self) -> None:
        """Take what was handed up. A session may be gone by the time that its datagram comes here."""
        if self._is_closed:
            return
        handed_up = self._native.drain(_HAND_UP_BUDGET)
        for kind, datagram, source, session, stream in handed_up:
            if session is not None and session not in self._slots:
                continue
            if kind in _EVENTS and session is not None:
                self._on_event(session, stream, _EVENTS[kind], datagram)
            else:
                self._on_datagram(datagram, _KINDS[kind], BrowserPath(*source), session)
        if len(handed_up) == _HAND_UP_BUDGET and not self._is_closed:
            self._loop.call_soon(self._drain)  # the native side wakes the loop only after it was told that it sleeps


_FlatKeys = tuple[int, bytes, bytes] | None


def _flat_keys(keys: SrtpKeys | None) -> _FlatKeys:
    return None if keys is None else (_PROFILES[keys.profile], keys.receive, keys.send)


def _flat(plan: StreamPlan) -> "_native.Plan":
    return {
        "is_video": plan.kind == "video",
        "browser_sends": plan.browser_sends,
        "sip_sends": plan.sip_sends,
        "answers_nack": plan.answers_nack,
        "sip_takes_nack": plan.sip_takes_nack,
        "sip_takes_pli": plan.sip_takes_pli,
        "sip_takes_fir": plan.sip_takes_fir,
        "sip_rtp": plan.sip_rtp,
        "sip_rtcp": plan.sip_rtcp,
        "to_sip": _payload_types({**plan.to_sip, **dict.fromkeys(plan.browser_events, _EVENT_PAYLOAD_TYPE)}),
        "to_browser": _payload_types(plan.to_browser),
        "clock_rate": plan.clock_rate,
        "sip_events": bytes(payload_type in plan.sip_events for payload_type in range(128)),
        "events_to_sip": plan.events_to_sip.payload_type if plan.events_to_sip else _NO_PAYLOAD_TYPE,
        "sip_srtp": _flat_keys(plan.sip_srtp),
    }


def _payload_types(mapping: Mapping[int, int]) -> bytes:
    return bytes(mapping.get(payload_type, _NO_PAYLOAD_TYPE) for payload_type in range(128))


def _counters(values: Sequence[int]) -> Counters:
    left = iter(values)
    counters = Counters()
    counters.packets.update({flow: value for flow, value in zip(_FLOWS, left, strict=False) if value})
    counters.bytes.update({flow: value for flow, value in zip(_FLOWS, left, strict=False) if value})
    counters.drops.update({drop: value for drop, value in zip(_DROPS, left, strict=False) if value})
    counters.repairs.update({repair: value for repair, value in zip(_REPAIRS, left, strict=True) if value})
    return counters
