"""From a SIP URI to the places to try (RFC 3263 §4), one search an object.

    NAPTR ──▶ SERVICES ──▶ ADDRESSES ──▶ FOUND
      └ skipped where the transport is known, as SERVICES is where the port or the address is

`questions` holds what to ask of DNS now; once each of them has its answer by `take_answer`, the next ones stand there,
and at the end `flows` holds the places. An empty answer is no failure: there is a next step for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from shared.errors import RemoteError
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow, Transport
from sip_agent.core.host import is_host, read_address, unmapped
from sip_agent.core.locating.records import Chance, Question, Record, by_priority, usable_services
from sip_agent.core.syntax.uri import SipUri

# A domain may list what it likes; we try so many.
MAX_SERVERS = 8
MAX_FLOWS = 16

_PORTS: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
_PREFIXES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}


class Stage(Enum):
    """How far a search is."""

    NAPTR = auto()
    SERVICES = auto()
    ADDRESSES = auto()
    FOUND = auto()


@dataclass(frozen=True, slots=True)
class _Server:
    transport: Transport
    host: str
    port: int


class Locating:
    """`transport` is what the user of the URI wants where the URI does not say; "" where that is all the same."""

    def __init__(self, uri: SipUri, chance: Chance, transport: str = "") -> None:
        self._chance = chance
        self._is_secure = uri.scheme == "sips"
        self._certified = uri.host.lower()  # RFC 5922 §4: the domain that was asked for, whatever DNS made of it
        self._host = uri.param("maddr") or uri.host
        self._transport = chosen_transport(uri, transport)
        self._services: list[tuple[Transport, str]] = []
        self._servers: list[_Server] = []
        self._answers: dict[Question, Sequence[Record]] = {}
        self.questions: tuple[Question, ...] = ()
        self.flows: tuple[Flow, ...] = ()
        self.stage = Stage.NAPTR
        if not is_host(self._host):
            raise SipError(400, "Bad Host")
        self._begin(_plain(self._host) is not None, uri.port)

    @property
    def is_transport_free(self) -> bool:
        """Whether neither the URI nor its user insists on a transport."""
        return self._transport is None

    def take_answer(self, question: Question, records: Sequence[Record]) -> None:
        """Take the answer to one of `questions`."""
        self._answers[question] = records
        if any(waiting not in self._answers for waiting in self.questions):
            return
        answers, self._answers, self.questions = self._answers, {}, ()
        match self.stage:
            case Stage.NAPTR:
                self._take_naptr(answers)
            case Stage.SERVICES:
                self._take_services(answers)
            case Stage.ADDRESSES:
                self._take_addresses(answers)

    @property
    def _default(self) -> Transport:
        """§4.1: where nothing else tells."""
        return self._transport or ("tls" if self._is_secure else "udp")

    def _begin(self, is_address: bool, port: int | None) -> None:
        if is_address or port is not None:
            self._seek_addresses([_Server(self._default, self._host, port or _PORTS[self._default])])
        elif self._transport is not None:
            self._seek_services([(self._transport, _PREFIXES[self._transport] + self._host)])
        else:
            self.questions = (Question("NAPTR", self._host),)

    def _take_naptr(self, answers: dict[Question, Sequence[Record]]) -> None:
        (records,) = answers.values()
        services = usable_services(records, self._is_secure)
        if not services:
            offered: tuple[Transport, ...] = ("tls",) if self._is_secure else ("udp", "tcp")
            services = [(transport, _PREFIXES[transport] + self._host) for transport in offered]
        self._seek_services(services)

    def _seek_services(self, services: list[tuple[Transport, str]]) -> None:
        self.stage = Stage.SERVICES
        self._services = services
        self.questions = tuple(dict.fromkeys(Question("SRV", name) for _, name in services))

    def _take_services(self, answers: dict[Question, Sequence[Record]]) -> None:
        servers = [
            _Server(transport, record.target, record.port)
            for transport, name in self._services
            for record in by_priority(answers[Question("SRV", name)], self._chance)
            if is_host(record.target)
        ]
        # §4.2: without SRV records the name itself is the server's.
        self._seek_addresses(servers[:MAX_SERVERS] or [_Server(self._default, self._host, _PORTS[self._default])])

    def _seek_addresses(self, servers: list[_Server]) -> None:
        self.stage = Stage.ADDRESSES
        self._servers = servers
        hosts = dict.fromkeys(server.host for server in servers)
        known = {Question("ADDRESS", host): [found] for host in hosts if (found := _plain(host)) is not None}
        self._answers = {**known}
        self.questions = tuple(question for host in hosts if (question := Question("ADDRESS", host)) not in known)
        if not self.questions:
            self._take_addresses(known)

    def _take_addresses(self, answers: Mapping[Question, Sequence[Record]]) -> None:
        self.stage = Stage.FOUND
        flows = [
            Flow(server.transport, found, server.port, self._certified if server.transport == "tls" else "")
            for server in self._servers
            for record in answers[Question("ADDRESS", server.host)]
            if (found := _plain(str(record))) is not None
        ]
        self.flows = tuple(dict.fromkeys(flows))[:MAX_FLOWS]


def _plain(host: str) -> str | None:
    """The address that a host is, in one spelling; None for a name."""
    address = read_address(host)
    return None if address is None else str(unmapped(address))


def chosen_transport(uri: SipUri, wanted: str) -> Transport | None:
    """The transport that the URI insists on, else the one wanted (§4.1); None where neither says one.

    sips: is TLS and nothing else (RFC 5630 §3.1.3), so `transport=tcp` says of it what is known, and UDP cannot be.
    """
    named = uri.transport
    match named or wanted:
        case "udp":
            if uri.scheme == "sips" and named:
                raise SipError(400, "SIPS Over UDP")
            return "tls" if uri.scheme == "sips" else "udp"
        case "tcp" | "tls" as transport:
            return "tls" if uri.scheme == "sips" or transport == "tls" else "tcp"
        case "":
            return None
        case other:
            raise RemoteError(501, f"Transport {other.upper()} Is Not Supported")
