"""The SIP side: a registrar for all sessions, and phones that it calls, or that call it. One UDP port, one process.

Who is called `rings-...` rings until he is told to answer, others answer at once. Requests and 2xx are sent again until
they are heard (RFC 3261 §17.1.1.2, §13.3.1.4), as whoever should hear them may have died.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from media_relay.core.description.sdp import parse as parse_sdp
from sip_agent.core.syntax.message import Message, Request, Response, make_response
from sip_agent.core.syntax.parser import parse

from .datagrams import StampedPort
from .stream import Ear, packet_of

HOST = "127.0.0.1"
_T1, _T2, _LIFETIME = 0.5, 4.0, 32.0
_EXPIRES = 300
_numbers = itertools.count(1)

Sender = tuple[int, int]  # an agent: its port, and how many had that before


class PhoneMedia:
    """The RTP port of a phone; it sends to where the last description says."""

    def __init__(self) -> None:
        self.ear = Ear()
        self._ssrc = 0x8000 + next(_numbers)
        self._port = StampedPort(HOST, lambda data, source, came: self.ear.take(data, came))
        self._relay: tuple[str, int] | None = None

    def description(self) -> bytes:
        """What this phone says."""
        line = f"m=audio {self._port.address[1]} RTP/AVP 0"
        return f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n{line}\r\n".encode()

    def turn_to(self, body: bytes) -> None:
        """Send to where a description says from now on."""
        if body:
            self._relay = HOST, parse_sdp(body.decode()).media[0].port

    def say(self, number: int, sent: float) -> None:
        """Send one packet, if it is known where to."""
        if self._relay is not None:
            self._port.sendto(packet_of(number, sent, self._ssrc), self._relay)

    def close(self) -> None:
        """Close the port."""
        self._port.close()


@dataclass
class PhoneCall:
    """One dialog, and what was heard in it."""

    call_id: str
    local: str  # From or To, as it stands in the requests that we send
    remote: str
    target: str
    media: PhoneMedia = field(default_factory=PhoneMedia)
    pending: Request | None = None  # the INVITE that rings here
    senders: list[Sender] = field(default_factory=list)  # whom requests came from, those in a row once
    is_established: bool = False
    is_over: bool = False  # BYE, CANCEL without another INVITE, or a final refusal
    infos: int = 0
    cseq: int = 1

    @property
    def has_had_two_owners(self) -> bool:
        """Whether somebody sent who had been succeeded by another one before."""
        return len(self.senders) > len(set(self.senders))


@dataclass
class Bindings:
    """Contacts of an address of record, by the agent's port, and the ports that were bound at each time."""

    uris: dict[int, str] = field(default_factory=dict)
    history: list[tuple[float, frozenset[int]]] = field(default_factory=list)

    def note(self) -> None:
        """Keep what is bound now."""
        self.history.append((time.time(), frozenset(self.uris)))

    def restored_after(self, dead: int, death: float, alive: set[int]) -> float:
        """Return the seconds from then until one who lives was bound; 0 if one was all the time.

        At the dead one's port another may live by now.
        """
        before = [ports for at, ports in self.history if at <= death]
        if before and before[-1] & alive - {dead}:
            return 0.0
        return next((at - death for at, ports in self.history if at > death and ports & alive), float("inf"))


class Phones(asyncio.DatagramProtocol):
    """All of them."""

    def __init__(self) -> None:
        self.calls: dict[str, PhoneCall] = {}
        self.bindings: dict[str, Bindings] = {}
        self.contacts: dict[str, str] = {}  # by address of record: whom to call
        self._ends: Counter[int] = Counter()  # of agents, by their port
        self._done: dict[tuple[str, str], list[bytes]] = {}  # responses, by branch and method
        self._repeated: dict[tuple[str, int, str], asyncio.TimerHandle] = {}
        self._awaited: dict[tuple[str, int, str], asyncio.Future[Response]] = {}
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls) -> "Phones":
        """Bind the port."""
        _, phones = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(HOST, 0))
        return phones

    @property
    def address(self) -> str:
        """Its host:port."""
        return f"{HOST}:{self._transport.get_extra_info('sockname')[1]}"

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Close all ports."""
        for timer in self._repeated.values():
            timer.cancel()
        for call in self.calls.values():
            call.media.close()
        self._transport.close()

    def note_end(self, port: int) -> None:
        """Who sends from this port from now on is another agent."""
        self._ends[port] += 1

    # -- what they do

    def answer(self, call: PhoneCall) -> None:
        """Take a call that rings."""
        assert call.pending is not None
        self._establish(call, call.pending)

    async def dial(self, login: str) -> PhoneCall:
        """Call a session at its contact; return when it rings there."""
        number = next(_numbers)
        caller, callee = f"<sip:phone{number}@phones.test>;tag=p{number}", f"<sip:{login}@phones.test>"
        call = PhoneCall(f"dialled-{number}", caller, callee, self.contacts[login])
        self.calls[call.call_id] = call
        response = await self.request(call, "INVITE", body=call.media.description())
        if response.status != 180:
            raise RuntimeError(f"INVITE: {response.start_line}")
        return call

    async def request(self, call: PhoneCall, method: str, body: bytes = b"") -> Response:
        """Send a request in a dialog; return its final response, or 180. `TimeoutError` where none comes."""
        if method != "INVITE":
            call.cseq += 1
        via = f"SIP/2.0/UDP {self.address};branch=z9hG4bKphone{next(_numbers)};rport"
        fields = [("Via", via), ("Max-Forwards", "70"), *self._dialog(call, f"{call.cseq} {method}")]
        made = Request(method, call.target, [*fields, *self._described(body)], body)
        key = call.call_id, call.cseq, method
        self._awaited[key] = awaited = self._loop.create_future()
        uri = made.parsed_uri
        self._repeat(key, made.to_bytes(), (uri.host, uri.port or 5060))
        try:
            async with asyncio.timeout(_LIFETIME):
                return await awaited
        finally:
            self._stop(key)

    def _dialog(self, call: PhoneCall, cseq: str) -> list[tuple[str, str]]:
        return [("From", call.local), ("To", call.remote), ("Call-ID", call.call_id), ("CSeq", cseq), self._contact]

    @property
    def _contact(self) -> tuple[str, str]:
        return "Contact", f"<sip:phone@{self.address}>"

    @staticmethod
    def _described(body: bytes) -> Iterable[tuple[str, str]]:
        return [("Content-Type", "application/sdp")] if body else []

    # -- what comes again until it is heard

    def _repeat(
        self, key: tuple[str, int, str], data: bytes, to: tuple[str, int], pause: float = _T1, spent: float = 0.0
    ) -> None:
        self._transport.sendto(data, to)
        if spent < _LIFETIME:
            again = (key, data, to, min(2 * pause, _T2), spent + pause)
            self._repeated[key] = self._loop.call_later(pause, self._repeat, *again)

    def _stop(self, key: tuple[str, int, str]) -> None:
        timer = self._repeated.pop(key, None)
        if timer is not None:
            timer.cancel()

    # -- what they hear

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        if isinstance(message, Response):
            self._responded(message)
            return
        assert isinstance(message, Request)
        key = message.top_via.branch or "", message.method
        if key in self._done:
            for response in self._done[key]:
                self._transport.sendto(response, (message.top_via.host, message.top_via.port or 5060))
            return
        if message.method != "ACK":
            self._done[key] = []
        call = self.calls.get(message.call_id)
        sender = addr[1], self._ends[addr[1]]
        if call is not None and (not call.senders or call.senders[-1] != sender):
            call.senders.append(sender)
        self._handle(message, call, sender)

    def _handle(self, request: Request, call: PhoneCall | None, sender: Sender) -> None:
        match request.method:
            case "REGISTER":
                self._register(request)
            case "INVITE" if call is None or not call.is_established:
                self._ring(request, call, sender)
            case "ACK":
                self._stop((request.call_id, request.cseq[0], "200"))
            case _ if call is None or (call.is_over and request.method != "BYE"):
                self._respond(request, 481)
            case "INVITE" | "UPDATE" if request.body:
                call.media.turn_to(request.body)
                self._establish(call, request)
            case "CANCEL":
                self._cancel(request, call)
            case _:
                call.is_over = call.is_over or request.method == "BYE"
                call.infos += request.method == "INFO"
                self._respond(request, 200)

    def _register(self, request: Request) -> None:
        login = str(request.to.sip_uri.user)
        bound = self.bindings.setdefault(login, Bindings())
        for contact in request.contacts:
            port = contact.sip_uri.port or 5060
            expires = contact.param("expires") or (request.headers.get("Expires") or str(_EXPIRES))
            if expires == "0":
                bound.uris.pop(port, None)
            else:
                self.contacts[login] = str(contact.uri)
                bound.uris[port] = str(contact.uri)
        bound.note()
        told = [("Contact", f"<{uri}>;expires={_EXPIRES}") for uri in bound.uris.values()]
        self._respond(request, 200, headers=told)

    def _ring(self, request: Request, call: PhoneCall | None, sender: Sender) -> None:
        if call is None:
            call = PhoneCall(request.call_id, "", str(request.from_), "", senders=[sender])
            self.calls[request.call_id] = call
        call.is_over = False
        call.pending = request
        call.media.turn_to(request.body)
        self._respond(request, 180)
        if "rings-" not in str(request.uri):
            self._establish(call, request)

    def _establish(self, call: PhoneCall, request: Request) -> None:
        """Say 200, with our description, until it is acknowledged."""
        response = self._response(request, 200, call.media.description())
        if request.method == "INVITE":
            call.is_established, call.pending = True, None
        call.local, call.target = str(response.to), str(request.contacts[0].uri)
        to = request.top_via.host, request.top_via.port or 5060
        data = response.to_bytes()
        self._done[(request.top_via.branch or "", request.method)] = [data]
        if request.method == "INVITE":
            self._repeat((request.call_id, request.cseq[0], "200"), data, to)
        else:
            self._transport.sendto(data, to)

    def _cancel(self, request: Request, call: PhoneCall) -> None:
        self._respond(request, 200)
        if call.pending is not None:
            self._respond(call.pending, 487)
            call.pending, call.is_over = None, True

    def _responded(self, response: Response) -> None:
        number, method = response.cseq
        call = self.calls[response.call_id]
        if method == "INVITE":
            self._stop((response.call_id, number, method))
            self._invited(call, response)
        awaited = self._awaited.get((response.call_id, number, method))
        least = 180 if method == "INVITE" else 200
        if awaited is not None and not awaited.done() and response.status >= least:
            awaited.set_result(response)

    def _invited(self, call: PhoneCall, response: Response) -> None:
        """Hear of a call that we made."""
        if response.status < 200:
            return
        call.remote = str(response.to)
        via = f"SIP/2.0/UDP {self.address};branch=z9hG4bKack{next(_numbers)};rport"
        if response.status < 300:
            call.is_established, call.target = True, str(response.contacts[0].uri)
            call.media.turn_to(response.body)
        else:
            call.is_over = True
            via = str(response.top_via)
        fields = [("Via", via), ("Max-Forwards", "70"), *self._dialog(call, f"{response.cseq[0]} ACK")]
        made = Request("ACK", call.target, fields)
        self._transport.sendto(made.to_bytes(), (made.parsed_uri.host, made.parsed_uri.port or 5060))

    def _response(self, request: Request, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> Message:
        tag = f"t{abs(hash(request.call_id)) % 10**9}"
        fields = [*headers] or [self._contact]
        return make_response(request, status, None, tag, fields, body, "application/sdp" if body else None)

    def _respond(self, request: Request, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        data = self._response(request, status, b"", headers).to_bytes()
        self._done.setdefault((request.top_via.branch or "", request.method), []).append(data)
        self._transport.sendto(data, (request.top_via.host, request.top_via.port or 5060))
