"""The SIP transports on real sockets, and the transaction layer on them with a real sipp."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.support.processes import free_ports, program, running
from tests.support.sip_node import SipNode, sip_node

from sip_agent.core.events import (
    AckReceived,
    Flow,
    Output,
    RequestReceived,
    ResponseReceived,
    TransactionId,
    TransportFailed,
)
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.transport import connection, stream
from sip_agent.transport.sockets import is_local
from sip_agent.transport.stream import Limits, StreamTransport
from sip_agent.transport.udp import UdpTransport

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def run(loop_factory: LoopFactory, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(work)


class Inbox:
    """What a transport reported."""

    def __init__(self) -> None:
        self.data: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.ends: asyncio.Queue[tuple[Flow | None, str]] = asyncio.Queue()

    def on_data(self, data: bytes, flow: Flow) -> None:
        self.data.put_nowait((data, flow))

    def on_end(self, flow: Flow | None, reason: str) -> None:
        self.ends.put_nowait((flow, reason))

    async def udp(self) -> UdpTransport:
        return await UdpTransport.bind("127.0.0.1", 0, self.on_data, self.on_end)

    async def tcp(self, idle: float = 300.0, most: int = 10) -> StreamTransport:
        transport = StreamTransport(self.on_data, self.on_end, Limits(idle, most))
        await transport.listen("127.0.0.1", 0)
        return transport


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_datagrams_go_to_and_fro(loop_factory: LoopFactory) -> None:
    async def work() -> None:
        ours, theirs = Inbox(), Inbox()
        one, other = await ours.udp(), await theirs.udp()
        one.send(b"hello", Flow("udp", *other.local_address))
        assert await theirs.data.get() == (b"hello", Flow("udp", *one.local_address))
        other.send(b"world", Flow("udp", *one.local_address))
        assert await ours.data.get() == (b"world", Flow("udp", *other.local_address))
        await one.aclose()
        await other.aclose()

    run(loop_factory, work())


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize(("host", "size"), [("127.0.0.1", 70_000), ("::1", 1)])
def test_a_datagram_that_cannot_be_sent_is_reported(loop_factory: LoopFactory, host: str, size: int) -> None:
    async def work() -> None:
        inbox = Inbox()
        transport = await inbox.udp()
        transport.send(b"x" * size, Flow("udp", host, 5060))
        _, reason = await inbox.ends.get()
        assert reason
        await transport.aclose()
        transport.send(b"x", Flow("udp", "127.0.0.1", 5060))
        assert await inbox.ends.get() == (Flow("udp", "127.0.0.1", 5060), "socket closed")

    run(loop_factory, work())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_connection_is_opened_once_and_used_both_ways(loop_factory: LoopFactory) -> None:
    async def work() -> None:
        ours, theirs = Inbox(), Inbox()
        one, other = await ours.tcp(), await theirs.tcp()
        target = Flow("tcp", *other.local_address)
        one.send(b"hel", target)
        one.send(b"lo", target)
        received, back = b"", target
        while received != b"hello":
            data, back = await theirs.data.get()
            received += data
        assert len(one) == len(other) == 1
        other.send(b"world", back)
        assert await ours.data.get() == (b"world", target)
        other.close(back, "enough")
        assert await ours.ends.get() == (target, "closed by peer")
        assert await theirs.ends.get() == (back, "enough")
        assert len(one) == len(other) == 0
        await one.aclose()
        await other.aclose()

    run(loop_factory, work())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_peer_that_connects_from_where_it_listens_has_one_connection(loop_factory: LoopFactory) -> None:
    async def work() -> None:
        inbox = Inbox()
        transport = await inbox.tcp()
        listener, back = [socket.socket() for _ in range(2)]
        for one in (listener, back):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        place = Flow("tcp", *listener.getsockname())
        loop = asyncio.get_running_loop()
        transport.send(b"there", place)
        former, _ = await loop.sock_accept(listener)
        assert await loop.sock_recv(former, 100) == b"there"
        back.bind(listener.getsockname())
        await loop.sock_connect(back, transport.local_address)
        assert await asyncio.wait_for(inbox.ends.get(), 5) == (place, "replaced by another")
        assert len(transport) == 1
        transport.send(b"back", place)
        assert await loop.sock_recv(back, 100) == b"back"
        assert await loop.sock_recv(former, 100) == b""
        await transport.aclose()
        assert inbox.ends.qsize() == 1
        for one in (listener, back, former):
            one.close()

    run(loop_factory, work())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_refused_connection_is_reported(loop_factory: LoopFactory) -> None:
    async def work() -> None:
        inbox = Inbox()
        transport = await inbox.tcp()
        target = Flow("tcp", "127.0.0.1", free_ports())
        transport.send(b"x", target)
        flow, reason = await inbox.ends.get()
        assert flow == target and reason
        assert len(transport) == 0
        await transport.aclose()

    run(loop_factory, work())


async def test_an_idle_connection_is_closed() -> None:
    inbox, peer = Inbox(), Inbox()
    transport, other = await inbox.tcp(idle=0.05), await peer.tcp()
    target = Flow("tcp", *other.local_address)
    transport.send(b"x", target)
    assert await inbox.ends.get() == (target, "idle")
    await transport.aclose()
    await other.aclose()


async def test_a_peer_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_QUEUED", 1000)
    inbox = Inbox()
    transport = await inbox.tcp()
    target = Flow("tcp", "127.0.0.1", free_ports())
    transport.send(b"x" * 1001, target)
    assert await inbox.ends.get() == (target, "peer does not read")
    await transport.aclose()


async def test_closing_ends_connections_and_those_still_opening() -> None:
    inbox, peer = Inbox(), Inbox()
    transport, other = await inbox.tcp(), await peer.tcp()
    transport.send(b"x", Flow("tcp", *other.local_address))
    await peer.data.get()
    transport.send(b"x", Flow("tcp", "127.0.0.1", free_ports()))
    await transport.aclose()
    assert len(transport) == 0 and inbox.ends.qsize() == 2
    await other.aclose()


@dataclass
class Callee:
    """Takes every call and repeats its 200 until the ACK, as a user of the layer has to (RFC 3261 §13.3.1.4)."""

    answered: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    ended: int = 0

    def __call__(self, node: SipNode, output: Output) -> None:
        if isinstance(output, AckReceived):
            self.acknowledged.add(output.request.call_id)
            self.answered[output.request.call_id].cancel()
        elif isinstance(output, RequestReceived) and output.request.method == "INVITE":
            for status in (180, 200):
                response = make_response(
                    output.request, status, to_tag="callee", headers=self.contact(node, output.flow)
                )
                node.layer.respond(output.transaction, response, node.now)
            self._repeat(node, output.transaction, response, 0.5)
        elif isinstance(output, RequestReceived):
            self.ended += 1
            self.answered[output.request.call_id].cancel()
            node.layer.respond(output.transaction, make_response(output.request, 200), node.now)

    @staticmethod
    def contact(node: SipNode, flow: Flow) -> list[tuple[str, str]]:
        host, port = (node.udp if flow.transport == "udp" else node.tcp).local_address
        return [("Contact", f"<sip:{host}:{port};transport={flow.transport}>")]

    def _repeat(self, node: SipNode, transaction: TransactionId, response: Response, pause: float) -> None:
        def again() -> None:
            node.act(node.layer.respond, transaction, response)
            self._repeat(node, transaction, response, min(2 * pause, 4.0))

        self.answered[response.call_id] = asyncio.get_running_loop().call_later(pause, again)


@pytest.mark.peers
@pytest.mark.parametrize(("transport", "lost"), [("u1", 0), ("t1", 0), ("u1", 10)])
async def test_sipp_calls_us(transport: str, lost: int, tmp_path: Path) -> None:
    callee = Callee()
    calls = 300 if lost else 30  # of thirty it is one time in twenty-five that no answer to a BYE is lost
    async with sip_node(callee) as node:
        port = (node.udp if transport == "u1" else node.tcp).local_address[1]
        command = [program("sipp", "sip-tester"), "-sn", "uac", "-t", transport, "-i", "127.0.0.1"]
        command += ["-p", str(free_ports()), "-m", str(calls), "-r", str(calls), "-d", "100", "-nostdin"]
        command += [f"127.0.0.1:{port}"]
        if lost:
            command += ["-lost", str(lost)]
        async with running("sipp uac", command, cwd=tmp_path) as sipp:
            status = await sipp.wait()
        assert status == 0, sipp.tail()
        assert node.layer.counts.malformed == 0
        if lost:
            # sipp ends a call on any 200, so not every ACK and BYE that it lost comes again.
            assert node.layer.counts.repeated > 0
        else:
            assert len(callee.acknowledged) == callee.ended == calls


@pytest.mark.peers
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_we_call_sipp(transport: str, tmp_path: Path) -> None:
    done = asyncio.Event()
    statuses: list[tuple[str, int]] = []
    port = free_ports()
    flow = Flow("udp" if transport == "u1" else "tcp", "127.0.0.1", port)

    def in_dialog(method: str, number: int, answer: Response) -> Request:
        headers = [("From", "<sip:alice@example.com>;tag=1"), ("To", str(answer.to)), ("Call-ID", "ours")]
        return Request(method, str(answer.contacts[0].uri), [*headers, ("CSeq", f"{number} {method}")])

    def caller(node: SipNode, output: Output) -> None:
        assert isinstance(output, ResponseReceived), output
        statuses.append((output.transaction.method, output.response.status))
        if output.transaction.method == "INVITE" and output.response.status == 200:
            node.layer.send_ack(in_dialog("ACK", 1, output.response), flow)
            node.layer.send_request(in_dialog("BYE", 2, output.response), flow, node.now)
        elif output.transaction.method == "BYE":
            done.set()

    command = [program("sipp", "sip-tester"), "-sn", "uas", "-t", transport, "-i", "127.0.0.1", "-p", str(port)]
    async with (
        running("sipp uas", [*command, "-m", "1", "-nostdin"], cwd=tmp_path) as sipp,
        sip_node(caller) as node,
    ):
        await (sipp.wait_for_udp(port) if transport == "u1" else sipp.wait_for_tcp(port))
        headers = [("From", "<sip:alice@example.com>;tag=1"), ("To", "<sip:bob@example.com>"), ("Call-ID", "ours")]
        headers += [("CSeq", "1 INVITE"), *Callee.contact(node, flow)]
        node.act(node.layer.send_request, Request("INVITE", f"sip:bob@127.0.0.1:{port}", headers), flow)
        async with asyncio.timeout(20):
            await done.wait()
        assert statuses == [("INVITE", 180), ("INVITE", 200), ("BYE", 200)], sipp.tail()


async def test_a_request_to_a_closed_tcp_port_fails_at_once() -> None:
    failures: asyncio.Queue[Output] = asyncio.Queue()
    async with sip_node(lambda _, output: failures.put_nowait(output)) as node:
        headers = [("From", "<sip:a@h>;tag=1"), ("To", "<sip:b@h>"), ("Call-ID", "c"), ("CSeq", "1 OPTIONS")]
        flow = Flow("tcp", "127.0.0.1", free_ports())
        node.act(node.layer.send_request, Request("OPTIONS", "sip:b@h", headers), flow)
        async with asyncio.timeout(5):
            assert isinstance(await failures.get(), TransportFailed)
        assert node.layer.live == 0


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_no_more_connections_are_taken_than_allowed(loop_factory: LoopFactory) -> None:
    async def work() -> None:
        ours = Inbox()
        server = await ours.tcp(most=1)
        first_reader, first = await asyncio.open_connection(*server.local_address)
        first.write(b"hello")
        assert (await asyncio.wait_for(ours.data.get(), 5))[0] == b"hello"
        reader, second = await asyncio.open_connection(*server.local_address)
        try:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        except ConnectionResetError:
            pass  # as good as closed
        assert len(server) == 1
        await server.aclose()
        for writer in (first, second):
            writer.close()

    run(loop_factory, work())


async def test_the_connection_unused_longest_makes_room_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RECENT", 0.0)
    ours = Inbox()
    server = StreamTransport(ours.on_data, ours.on_end, Limits(most_of_address=2))
    await server.listen("127.0.0.1", 0)
    writers, flows = [], []
    for name in (b"one", b"two", b"one again", b"three"):
        if name != b"one again":
            _, writer = await asyncio.open_connection(*server.local_address)
            writers.append(writer)
        (writers[0] if name == b"one again" else writers[-1]).write(name)
        data, flow = await asyncio.wait_for(ours.data.get(), 5)
        assert data == name
        flows.append(flow)
    assert await asyncio.wait_for(ours.ends.get(), 5) == (flows[1], "made room")
    assert [server.has(flow) for flow in flows] == [True, False, True, True]
    await server.aclose()
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_ipv6_and_ipv4_share_a_port_number_and_no_address_is_written_in_two_ways(loop_factory: LoopFactory) -> None:
    async def work() -> None:
        inbox = Inbox()
        six = await UdpTransport.bind("::", 0, inbox.on_data, inbox.on_end)
        four = await UdpTransport.bind("0.0.0.0", six.local_address[1], inbox.on_data, inbox.on_end)
        tcp = StreamTransport(inbox.on_data, inbox.on_end)
        for host in ("::", "0.0.0.0"):
            await tcp.listen(host, six.local_address[1])
        port = six.local_address[1]
        for sender, host in ((six, "::1"), (four, "127.0.0.1")):
            sender.send(b"hello", Flow("udp", host, port))
            assert await asyncio.wait_for(inbox.data.get(), 5) == (b"hello", Flow("udp", host, port))
            tcp.send(b"hello", Flow("tcp", host, port))
            _, flow = await asyncio.wait_for(inbox.data.get(), 5)
            assert (flow.transport, flow.host) == ("tcp", host)
        for transport in (six, four, tcp):
            await transport.aclose()

    run(loop_factory, work())


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("192.0.2.1", False), ("localhost", False), ("agent-0.example.com", False)],
)
def test_an_address_of_this_machine_is_told_from_others_and_from_names(host: str, is_ours: bool) -> None:
    assert is_local(host) is is_ours
