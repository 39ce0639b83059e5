"""The torture messages of RFC 4475 and RFC 5118 sent to a running agent, over UDP and over TCP.

In one run the agent serves example.com, for REGISTER; in the other it has two sessions whose contacts are the "user"
and the "UserB" that the RFCs call.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from tests.integration.test_sip_agent import DOMAIN, SECRET, bus, signaling_tasks
from tests.support.bus_seats import SessionSeat, account, eventually
from tests.support.sip_messages import make_request
from tests.support.torture import message, names
from tests.support.torture.verdicts import VERDICTS

from shared.bus import Bus
from sip_agent.app import Agent, running
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.parser import ParseError, parse
from sip_agent.core.transaction.hop_by_hop import ack_for_failure, cancel_for
from sip_agent.core.transaction.matching import server_id
from sip_agent.core.transaction.timers import Timers
from sip_agent.settings import Settings

__all__ = ["bus", "signaling_tasks"]  # fixtures

# Of the agent and of the sender; the usual ports are free there. Without rport the answer goes to where the request
# came from, but to the port that its Via names.
HOST = "127.0.0.2"
PORTS = (5060, 5050, 6050, 19823)
EVERY = names("rfc4475") + names("rfc5118")
REGISTERS = [name for name in EVERY if message(name).startswith(b"REGISTER")]
OTHERS = [name for name in EVERY if name not in REGISTERS]
ANSWER_SECONDS = 5.0
END = b"\r\n\r\n"


@pytest.fixture
async def agent(nats_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Agent]:
    users = tmp_path / "users.toml"
    users.write_text('[users]\nalice = "alice-password"\nbob = "bob-password"\n')
    settings = Settings(
        nats_url=nats_url,
        pod="agent-1",
        sip_host=HOST,
        sip_port=0,
        secret=SECRET,
        users=str(users),
        domain=getattr(request, "param", DOMAIN),
        allowed_destinations=("127.0.0.0/8:1-65535",),
        trusted_sources=(HOST,),  # from a stranger some messages would be refused for that alone
    )
    async with running(settings, Timers(t1=0.02, t2=0.16, t4=0.2)) as agent:
        yield agent


@pytest.fixture
async def sessions(bus: Bus) -> None:
    for session_id, name in (("user", "alice"), ("UserB", "bob")):
        sealed = account(SECRET, session_id, name, f"{name}-password", DOMAIN)
        seat = SessionSeat(bus, "agent-1", session_id, sealed)
        await seat.sit()
        await seat.open()
        await seat.registration("registered")


def read(data: bytes) -> Response:
    """A response, whatever is in the fields that it had to copy from a malformed request."""
    status_line, *lines = data.decode(errors="surrogateescape").removesuffix("\r\n\r\n").split("\r\n")
    version, status, reason = status_line.split(" ", 2)
    assert version == "SIP/2.0"
    items = [line.partition(":") for line in lines]
    return Response(int(status), reason, [(name, value.strip()) for name, _, value in items])


class UdpLink(asyncio.DatagramProtocol):
    """A sender that hears on every port to which an answer may go."""

    def __init__(self, agent: tuple[str, int]) -> None:
        self._agent = agent
        self._sockets: list[asyncio.DatagramTransport] = []
        self.responses: asyncio.Queue[Response] = asyncio.Queue()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, agent: tuple[str, int]) -> AsyncIterator["UdpLink"]:
        self = cls(agent)
        loop = asyncio.get_running_loop()
        try:
            for port in PORTS:
                made, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, port))
                self._sockets.append(made)
            yield self
        finally:
            for made in self._sockets:
                made.close()

    def send(self, data: bytes) -> None:
        self._sockets[0].sendto(data, self._agent)

    def datagram_received(self, data: bytes, address: object) -> None:
        self.responses.put_nowait(read(data))


class TcpLink(asyncio.Protocol):
    """One connection; `closed` is set when the agent has ended it."""

    def __init__(self) -> None:
        self._received = b""
        self._socket: asyncio.Transport | None = None
        self.closed = asyncio.Event()
        self.responses: asyncio.Queue[Response] = asyncio.Queue()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, agent: tuple[str, int]) -> AsyncIterator["TcpLink"]:
        socket, self = await asyncio.get_running_loop().create_connection(cls, *agent, local_addr=(HOST, 0))
        self._socket = socket
        try:
            yield self
        finally:
            socket.close()

    def send(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.write(data)

    def data_received(self, data: bytes) -> None:
        self._received += data
        *whole, self._received = self._received.split(END)
        for head in whole:  # no answer here has a body
            self.responses.put_nowait(read(head + END))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()


Link = UdpLink | TcpLink
numbers = count(1)


async def answer(link: Link) -> Response:
    """The next response that is more than a 100."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while (response := await link.responses.get()).status == 100:
            pass
    return response


async def expect_nothing_more(link: Link, known: Response | None) -> None:
    """Prove by an OPTIONS that the agent lives and has said nothing but copies of what is `known`."""
    number = next(numbers)
    options = make_request("OPTIONS", f"SIP/2.0/UDP {HOST};branch=z9hG4bKalive{number}")
    options.uri = f"sip:{HOST}"
    options.headers.set("Call-ID", f"alive-{number}")
    link.send(options.to_bytes())
    while (response := await answer(link)).headers.get("Call-ID") != f"alive-{number}":
        assert known is not None and response.status == known.status
    assert response.status == 200


async def end(link: Link, request: Request, response: Response) -> Response:
    """Cancel what rings, acknowledge what failed; give the last response."""
    if response.status == 180:
        link.send(cancel_for(request).to_bytes())
        ends = {response.cseq[1]: response for response in (await answer(link), await answer(link))}
        assert (ends["CANCEL"].status, ends["INVITE"].status) == (200, 487)
        response = ends["INVITE"]
    if request.method == "INVITE":
        link.send(ack_for_failure(request, response).to_bytes())
    return response


def request_of(name: str) -> Request | None:
    """The request, where the agent makes a transaction for it."""
    try:
        request = parse(message(name))
    except ParseError:
        return None
    return request if isinstance(request, Request) else None


class Served:
    """The transactions that the agent has had. Two messages of RFC 5118 may pass for one request sent twice."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._seen: set[TransactionId] = set()

    async def wait_for(self, name: str) -> None:
        request = request_of(name)
        if request is None:
            return
        transaction = server_id(request, request.top_via)
        if transaction in self._seen:
            await eventually(lambda: self._agent.services.endpoint.live == 0)
        self._seen.add(transaction)


async def take(link: Link, name: str, expected: int) -> Response:
    """Take the answer to a message, and bring what the message began to its end."""
    response = await answer(link)
    assert response.status == expected, name
    request = request_of(name)
    return response if request is None else await end(link, request, response)


async def check_over_udp(agent: Agent, every: list[str]) -> None:
    served = Served(agent)
    async with UdpLink.open(address_of(agent)) as link:
        for name in every:
            await served.wait_for(name)
            link.send(message(name))
            last = None
            if (expected := VERDICTS[name].answer) is not None:
                last = await take(link, name, expected)
            await expect_nothing_more(link, last)


async def check_over_tcp(agent: Agent, every: list[str]) -> None:
    served = Served(agent)
    for name in every:
        await served.wait_for(name)
        verdict = VERDICTS[name]
        async with TcpLink.open(address_of(agent)) as link:
            link.send(message(name))
            last = None
            for expected in verdict.tcp_answers:
                last = await take(link, name, expected)
            if verdict.closes:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await link.closed.wait()
            elif verdict.tcp_answers or verdict.answer is None:
                await expect_nothing_more(link, last)
            else:  # the agent still waits for the rest of the body
                assert link.responses.empty() and not link.closed.is_set()
    async with TcpLink.open(address_of(agent)) as link:
        await expect_nothing_more(link, None)


def address_of(agent: Agent) -> tuple[str, int]:
    host, _, port = agent.address.rpartition(":")
    return host, int(port)


@pytest.mark.parametrize("agent", ["example.com"], indirect=True)
async def test_each_register_gets_the_right_answer_over_udp(agent: Agent) -> None:
    await check_over_udp(agent, REGISTERS)


@pytest.mark.parametrize("agent", ["example.com"], indirect=True)
async def test_each_register_gets_the_right_answer_over_tcp(agent: Agent) -> None:
    await check_over_tcp(agent, REGISTERS)


async def test_each_other_message_gets_the_right_answer_over_udp(agent: Agent, sessions: None) -> None:
    await check_over_udp(agent, OTHERS)


async def test_each_other_message_gets_the_right_answer_over_tcp(agent: Agent, sessions: None) -> None:
    await check_over_tcp(agent, OTHERS)
