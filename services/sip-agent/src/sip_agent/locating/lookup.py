"""Look-ups of names: NAPTR and SRV by DNS, addresses by the system, so that its hosts file counts (RFC 3263 §4)."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver
import structlog

from shared.errors import LocalError
from shared.tasks import Tasks
from sip_agent.core.locating.cache import AnswerCache
from sip_agent.core.locating.records import Naptr, Question, Record, Srv

_log = structlog.get_logger(__name__)

# A peer may name a host whose servers never answer, and a session's mailbox waits: three of these at most in a search.
ANSWER_WITHIN = 2.0
MAX_ANSWERS = 10_000
# The system tells no TTL, and DNS none with an answer that failed.
ADDRESS_SECONDS = 30.0
NOTHING_SECONDS = 5.0
MOST_SECONDS = 3600.0

Answer = tuple[Sequence[Record], float]


class Lookup:
    """`servers` are address:port of DNS servers to ask for everything, addresses too; without them the system is asked.

    `families` are those that we can send to. A look-up that fails is one without records: what RFC 3263 does next is
    right for that, too.
    """

    def __init__(
        self, servers: Sequence[str] = (), families: Sequence[socket.AddressFamily] = (socket.AF_INET,)
    ) -> None:
        self._families = families
        self._resolver = _resolver(servers)
        self._asks_system = not servers
        self._cache = AnswerCache(MAX_ANSWERS)
        self._asked: dict[Question, asyncio.Task[Sequence[Record]]] = {}
        self._tasks = Tasks("lookup")

    async def ask(self, question: Question) -> Sequence[Record]:
        """Return what is known, or found within a few seconds; many who ask the same share one look-up."""
        known = self._cache.find(question, time.monotonic())
        if known is not None:
            return known
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = self._tasks.spawn(self._find(question), question.kind)
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Give up what is being looked up."""
        await self._tasks.aclose()

    async def _find(self, question: Question) -> Sequence[Record]:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                records, seconds = await self._answer(question)
        except (OSError, UnicodeError, TimeoutError, dns.exception.DNSException) as error:
            # UnicodeError: no name at all, such as "a..b".
            _log.info("look-up failed", kind=question.kind, name=question.name, error=repr(error))
            records, seconds = (), NOTHING_SECONDS
        finally:
            del self._asked[question]
        self._cache.keep(question, records, time.monotonic() + min(seconds, MOST_SECONDS))
        return records

    async def _answer(self, question: Question) -> Answer:
        if question.kind != "ADDRESS":
            return await self._records(question.name, question.kind)
        if self._asks_system:
            return await self._system_addresses(question.name), ADDRESS_SECONDS
        kinds = ["AAAA" if family is socket.AF_INET6 else "A" for family in self._families]
        answers = await asyncio.gather(*(self._records(question.name, kind) for kind in kinds))
        seconds = min((seconds for records, seconds in answers if records), default=NOTHING_SECONDS)
        return [record for records, _ in answers for record in records], seconds

    async def _system_addresses(self, name: str) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        return [str(address[0]) for family, _, _, _, address in found if family in self._families]

    async def _records(self, name: str, kind: str) -> Answer:
        if self._resolver is None:
            return (), NOTHING_SECONDS
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return (), NOTHING_SECONDS
        if answer.rrset is None:
            return (), NOTHING_SECONDS
        return [_record(kind, data) for data in answer.rrset], float(answer.rrset.ttl)


def _resolver(servers: Sequence[str]) -> dns.asyncresolver.Resolver | None:
    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:  # a machine without DNS: its hosts file may do
        return None
    resolver.lifetime = ANSWER_WITHIN
    if servers:
        resolver.nameservers = [_nameserver(server) for server in servers]
    return resolver


def _nameserver(server: str) -> dns.nameserver.Nameserver:
    host, _, port = server.rpartition(":")
    try:
        return dns.nameserver.Do53Nameserver(str(ipaddress.ip_address(host.strip("[]"))), int(port))
    except ValueError as error:
        raise LocalError(f"DNS server {server!r}: address:port is wanted") from error


def _record(kind: str, data: Any) -> Record:
    if kind == "SRV":
        return Srv(data.priority, data.weight, data.port, _name(data.target))
    if kind == "NAPTR":
        flags, service = (text.decode("ascii", "replace") for text in (data.flags, data.service))
        return Naptr(data.order, data.preference, flags, service, _name(data.replacement))
    return str(data.address)


def _name(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True)) if name.labels != (b"",) else "."
