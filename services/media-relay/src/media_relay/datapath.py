"""The data path of a media-relay: what the service tells it, and what it tells the service.

The shell round the browser transports and the forwarder: it owns the clock, and after anything that happens to a
transport it drains it and arms the one timer.
"""

import asyncio
import datetime
import itertools
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom

import structlog
from OpenSSL import SSL

from shared.errors import LocalError, RemoteError
from shared.messages.media import Side

from . import sockets
from .browser import certificate, dtls, ice_tcp
from .browser.ice_tcp import IceTcp
from .browser.side import BrowserSide
from .browser.transport import (
    BrowserTransport,
    KeysChanged,
    SendDatagram,
    TransportConnected,
    TransportFailed,
    TransportOutput,
)
from .core.alarms import Alarms
from .core.bridges import BridgeChange, Bridges, Joined, Parted
from .core.canonical import canonical_stream
from .core.counters import Counters, Drop, total
from .core.ice import AddressExpired, AddressSelected, AddressValidated, IceLite
from .core.packet.demux import DatagramKind
from .core.packet.stun import parse_binding_request
from .core.plan import Address, BrowserPath, IceCredentials, SessionPlan
from .core.ports import PortPool, PortUse, even_ports
from .core.statistics import SourceStatistics
from .digits import SessionDigits
from .events import Connected, DataPathEvent, Failed, KeyframeWanted
from .forwarding.forwarder import Forwarder, ForwarderFactory, StreamSockets
from .forwarding.python.forwarder import PythonForwarder
from .media_place import MediaPlace
from .sip_ports import SipPorts
from .sounds.player import SessionSound

_log = structlog.get_logger(__name__)

# Browsers check each 2.5-5 s. Before an address has been quiet for longer than this, another session cannot claim it
# by a check with that source, which may be forged.
_SOURCE_CLAIM_SECONDS = 15.0


@dataclass(frozen=True)
class Allocation:
    """What a new session's SDP needs."""

    ice: IceCredentials  # ours
    ports: tuple[tuple[int, int], ...]  # (RTP, RTCP) on the SIP side, one pair a stream


@dataclass(frozen=True)
class DataPathStats:
    """For the metrics."""

    totals: Counters  # of all sessions, past ones too
    sessions: Mapping[str, Counters]  # of the living ones
    ports: PortUse


@dataclass(frozen=True)
class _Session:
    """The forwarder knows a session by its number."""

    number: int
    media_id: str
    browser: BrowserSide
    ports: tuple[int, ...]
    digits: SessionDigits
    sound: SessionSound
    ufrags: set[str] = field(default_factory=set)  # by which it is found


class DataPath:
    """All media sessions of the process. Verbs are synchronous; `on_event` is called from the event loop, never from
    inside a verb, so an event may still come for a session that was released in the same turn."""

    def __init__(
        self,
        browser_sockets: Sequence[sockets.UdpSocket],
        sip_ports: SipPorts,
        own: certificate.Certificate,
        on_event: Callable[[DataPathEvent], None],
        forwarder: ForwarderFactory = PythonForwarder,
        sip_address: str = "",
    ) -> None:
        self.browser_port: int = browser_sockets[0].getsockname()[1]
        self.browser_tcp_port = 0  # 0: none
        self._ice_tcp: IceTcp | None = None
        self.fingerprint = own.fingerprint  # sha-256 of this process's DTLS certificate, "AB:CD:.."
        self._loop = asyncio.get_running_loop()
        self._sip_ports = sip_ports
        self._context: SSL.Context = dtls.create_context(own)
        self._on_event = on_event
        self._forwarder: Forwarder = forwarder(self._loop, browser_sockets, self._receive, self._receive_event)
        self._numbers = itertools.count(1)
        self._sessions: dict[str, _Session] = {}
        self._by_number: dict[int, _Session] = {}
        self._by_ufrag: dict[str, _Session] = {}
        self._bridges = Bridges(sip_address)
        self._past = Counters()  # of sessions that are gone, and of what never belonged to one
        self._alarms = Alarms()
        self._timer: asyncio.Handle | None = None
        self._timer_at = math.inf  # a handle of uvloop's does not always know

    @classmethod
    async def open(
        cls,
        *,
        browser_hosts: Sequence[str],
        browser_port: int = 0,
        browser_tcp_port: int = 0,
        rtp_host: str,
        port_range: tuple[int, int],
        quarantine_seconds: float = 5.0,
        on_event: Callable[[DataPathEvent], None],
        forwarder: ForwarderFactory = PythonForwarder,
        sip_address: str = "",
    ) -> "DataPath":
        """Bind the browser port (0: any) on each of the hosts, and its TCP port (0: none), and start.

        `port_range` is inclusive. `sip_address` is what SIP peers are told: a far side there is one of our own streams.
        """
        ports = list(even_ports(*port_range))
        if not ports:
            raise LocalError(f"no RTP port pair in {port_range[0]}-{port_range[1]}")
        SystemRandom().shuffle(ports)  # so that the next port cannot be guessed
        try:
            browser_sockets = sockets.bind_browser_sockets(browser_hosts, browser_port)
            if browser_tcp_port:
                browser_sockets.append(sockets.bind_browser_socket(ice_tcp.LOOPBACK, 0))
        except OSError as error:
            hosts = ", ".join(browser_hosts)
            raise LocalError(f"cannot bind browser port {browser_port} on {hosts}: {error}") from error
        own = certificate.generate(datetime.datetime.now(datetime.UTC))
        sip_ports = SipPorts(rtp_host, PortPool(ports, quarantine_seconds))
        inner = Address(*browser_sockets[-1].getsockname()[:2])
        data_path = cls(browser_sockets, sip_ports, own, on_event, forwarder, sip_address)
        if browser_tcp_port:
            await data_path._listen(browser_hosts, browser_tcp_port, inner)
        _log.info("data path open", browser_port=data_path.browser_port, port_pairs=len(ports))
        return data_path

    async def _listen(self, hosts: Sequence[str], port: int, relay: Address) -> None:
        try:
            self._ice_tcp = await IceTcp.open(hosts, port, relay)
        except OSError as error:
            await self.aclose()
            raise LocalError(f"cannot listen on TCP port {port} of {', '.join(hosts)}: {error}") from error
        self.browser_tcp_port = port

    def allocate(self, media_id: str, stream_count: int) -> Allocation:
        """Make a session; raise `RemoteError` 503 if no port pair is left."""
        if media_id in self._sessions:
            raise LocalError(f"media session {media_id} exists")
        pairs = self._sip_ports.bind(stream_count, self._loop.time())
        ice, transport = self._transport()
        number = next(self._numbers)
        place = MediaPlace(self._forwarder, number)
        digits = SessionDigits(self._loop, place, media_id, self._tell)
        sound = SessionSound(self._loop, place, media_id, self._tell)
        session = _Session(number, media_id, BrowserSide(transport), tuple(pairs.keys()), digits, sound)
        self._add(session, pairs)
        ports = tuple((port, port + 1) for port in session.ports)
        self._bridges.add(session.number, ports)
        return Allocation(ice, ports)

    def _add(self, session: _Session, pairs: Mapping[int, StreamSockets]) -> None:
        try:
            self._forwarder.add_session(session.number, list(pairs.values()))
        except OSError as error:  # neither memory nor descriptors for it: the sockets are still ours
            self._sip_ports.give_back(pairs, self._loop.time())
            _log.error("no room for a media session", media=session.media_id, error=str(error))
            raise RemoteError(503, "No Room For Media") from error
        self._sessions[session.media_id] = self._by_number[session.number] = session
        self._name(session)

    def allocate_headless(self, media_id: str, partner: str = "") -> Allocation:
        """Make a session for audio without a browser; what is heard of its SIP side goes to the partner's, and back."""
        allocation = self.allocate(media_id, 1)
        number, other = self._sessions[media_id].number, self._sessions.get(partner)
        self._forwarder.set_headless(number, None if other is None else other.number)
        if other is not None:
            self._bridges.join(number, other.number)
        return allocation

    def _transport(self) -> tuple[IceCredentials, BrowserTransport]:
        ice = IceCredentials(ufrag=secrets.token_hex(4), pwd=secrets.token_hex(16))
        return ice, BrowserTransport(IceLite(ice), self._context)

    def _name(self, session: _Session) -> None:
        """Let checks find the session by the fragments that it has now, and by no others."""
        for ufrag in session.ufrags:
            del self._by_ufrag[ufrag]
        session.ufrags.clear()
        session.ufrags.update(session.browser.local_ufrags)
        self._by_ufrag |= dict.fromkeys(session.ufrags, session)
        self._forwarder.set_ufrags(session.number, tuple(session.ufrags))

    def renew(self, media_id: str) -> IceCredentials:
        """Expect the browser anew, by a plan with other credentials of it; until then, and until it is connected, all
        goes on. Return our credentials for it."""
        session = self._sessions[media_id]
        ice, transport = self._transport()
        session.browser.renew(transport, self._loop.time())
        self._drain(session)
        self._name(session)
        return ice

    def apply(self, media_id: str, plan: SessionPlan) -> None:
        """Set or replace the session's plan; raise `RemoteError`: 481 if there is no such session, 482 if a stream
        would get back what it sends, 488 if the plan has more streams than it, or an address that its sockets cannot
        send to."""
        session = self._sessions.get(media_id)
        if session is None:
            raise RemoteError(481, "Media Session Does Not Exist")
        if len(plan.streams) > len(session.ports):
            raise RemoteError(488, "More Streams Than Allocated")
        streams = [canonical_stream(stream, self._sip_ports.ip_version) for stream in plan.streams]
        changes = self._bridges.send(session.number, streams)
        self._part(changes)
        self._forwarder.set_streams(session.number, streams)
        self._join(changes)
        session.digits.set_streams(streams)
        session.sound.set_streams(streams)
        session.browser.apply(plan, self._loop.time())
        self._drain(session)

    def _part(self, changes: Sequence[BridgeChange]) -> None:
        for change in changes:
            if isinstance(change, Parted):
                self._forwarder.set_bridge(*change.one, None)

    def _join(self, changes: Sequence[BridgeChange]) -> None:
        """Once the plans say so: a bridge settles whom the streams listen to."""
        for change in changes:
            if isinstance(change, Joined):
                self._forwarder.set_bridge(*change.one, change.other)

    def request_keyframe(self, media_id: str, side: Side) -> None:
        """Ask that side for whole pictures by RTCP."""
        self._forwarder.request_keyframe(self._sessions[media_id].number, side)

    def statistics(self, media_id: str) -> tuple[SourceStatistics, ...]:
        """Return what is known of the session's sources."""
        return self._forwarder.statistics(self._sessions[media_id].number)

    def bridged(self, media_id: str) -> frozenset[int]:
        """Return which of the session's streams go to another session's browser."""
        return self._bridges.bridged(self._sessions[media_id].number)

    def send_rtcp(self, media_id: str, stream: int, side: Side, packet: bytes) -> None:
        """Send RTCP of our own making to that side."""
        self._forwarder.send_rtcp(self._sessions[media_id].number, stream, side, packet)

    def send_digits(self, media_id: str, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send digits to the SIP side as telephone-events; raise `RemoteError`: 501 if it takes none."""
        self._sessions[media_id].digits.send(digits, duration_ms, gap_ms)

    def sound_of(self, media_id: str) -> SessionSound:
        """Return what plays sounds to the session's SIP side."""
        return self._sessions[media_id].sound

    def release(self, media_id: str) -> None:
        """End the session; one that is not there is no error."""
        session = self._sessions.pop(media_id, None)
        if session is None:
            return
        now = self._loop.time()
        session.browser.close(now)
        session.digits.close()
        session.sound.close()
        self._drain(session)
        self._alarms.forget(session.number)
        del self._by_number[session.number]
        for ufrag in session.ufrags:
            del self._by_ufrag[ufrag]
        self._part(self._bridges.remove(session.number))
        end = self._forwarder.remove_session(session.number)
        self._past.add(end.counters)
        for port, peers in zip(session.ports, end.peers, strict=True):
            self._sip_ports.release(port, now, peers)

    def stats(self) -> DataPathStats:
        """Return the counters as they stand."""
        sessions = {session.media_id: self._forwarder.counters(session.number) for session in self._sessions.values()}
        totals = total([self._past, self._forwarder.unattributed(), *sessions.values()])
        return DataPathStats(totals, sessions, self._sip_ports.use(self._loop.time()))

    async def aclose(self) -> None:
        """End all sessions and close all sockets."""
        for media_id in list(self._sessions):
            self.release(media_id)
        if self._timer is not None:
            self._timer.cancel()
        if self._ice_tcp is not None:
            await self._ice_tcp.aclose()
        self._forwarder.close()

    def _receive(self, datagram: bytes, kind: DatagramKind, source: BrowserPath, number: int | None) -> None:
        """STUN or DTLS from the forwarder; `number` is the session that the source belongs to."""
        now = self._loop.time()
        owner = None if number is None else self._by_number[number]
        if kind is DatagramKind.STUN:
            self._receive_stun(datagram, source, owner, now)
        elif owner is not None and kind is DatagramKind.RTCP:
            self._tell(KeyframeWanted(owner.media_id))
        elif owner is not None:
            owner.browser.receive_dtls(datagram, source, now)
            self._drain(owner)

    def _receive_event(self, number: int, stream: int, side: Side, packet: bytes) -> None:
        self._by_number[number].digits.receive(stream, side, packet)

    def _receive_stun(self, datagram: bytes, source: BrowserPath, owner: _Session | None, now: float) -> None:
        sender = None if self._ice_tcp is None else self._ice_tcp.sender(source.address)
        request = parse_binding_request(datagram, sender)
        session = None if request is None else self._by_ufrag.get(request.local_ufrag)
        if request is None or session is None or self._is_claimed(source, owner, session, now):
            self._past.drops[Drop.STUN_AUTH] += 1
            return
        if not session.browser.receive_check(request, source, now):
            self._past.drops[Drop.STUN_AUTH] += 1
        self._drain(session)

    def _is_claimed(self, source: BrowserPath, owner: _Session | None, session: _Session, now: float) -> bool:
        if owner is None or owner is session:
            return False
        last_check = owner.browser.last_check(source)
        return last_check is not None and now - last_check < _SOURCE_CLAIM_SECONDS

    def _drain(self, session: _Session) -> None:
        """Do what the transport wants done, then arm the timer."""
        for output in session.browser.take_output():
            self._do(session, output)
        next_timer = session.browser.next_timer()
        if next_timer is not None:
            self._alarms.set(session.number, next_timer)
            self._arm()

    def _do(self, session: _Session, output: TransportOutput) -> None:
        number = session.number
        match output:
            case SendDatagram(datagram, destination):
                self._forwarder.send(datagram, destination)
            case AddressValidated(address):
                self._forwarder.add_source(number, address)
            case AddressExpired(address):
                self._forwarder.remove_source(number, address)
            case AddressSelected(address):
                self._forwarder.set_destination(number, address)
            case KeysChanged(keys):
                self._forwarder.set_keys(number, keys)
            case TransportConnected():
                self._tell(Connected(session.media_id))
            case TransportFailed(reason):
                self._forwarder.set_destination(number, None)
                self._tell(Failed(session.media_id, reason))

    def _tell(self, event: DataPathEvent) -> None:
        """Later, so that a handler that releases the session does not do so under our feet."""
        self._loop.call_soon(self._on_event, event)

    def _arm(self) -> None:
        when = self._alarms.next()
        if when is None or self._timer_at <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(when, self._handle_timers), when

    def _handle_timers(self) -> None:
        """Timers mostly move later (each check renews consent), so one that is due may find nothing to do."""
        self._timer, self._timer_at = None, math.inf
        now = self._loop.time()
        for number in self._alarms.due(now):
            session = self._by_number[number]
            session.browser.handle_timer(now)
            self._drain(session)
        self._arm()
