"""The transaction layer on real sockets, for tests: the shortest shell that keeps its one invariant."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count

from sip_agent.core.events import CloseFlow, Flow, Output, SendMessage
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers
from sip_agent.transport.stream import StreamTransport
from sip_agent.transport.udp import UdpTransport


class SipNode:
    """A UDP and a TCP port of loopback with a transaction layer. `user` hears every event; `act` changes the layer."""

    def __init__(self, user: "Callable[[SipNode, Output], None]", timers: Timers) -> None:
        self._user = user
        self._loop = asyncio.get_running_loop()
        self._tokens = (f"{id(self):x}{number}" for number in count())
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self.layer = TransactionLayer(timers, lambda: next(self._tokens), self._sent_by)
        self.udp: UdpTransport
        self.tcp: StreamTransport

    @property
    def now(self) -> float:
        return self._loop.time()

    def act(self, *verb: object) -> object:
        """Call a verb of the layer with its arguments and `now`, then drain."""
        method, *arguments = verb
        assert callable(method)
        result = method(*arguments, self.now)
        self.drain()
        return result

    def receive(self, data: bytes, flow: Flow) -> None:
        self.act(self.layer.receive_data, data, flow)

    def failed(self, flow: Flow | None, reason: str) -> None:
        if flow is not None:
            self.act(self.layer.transport_failed, flow, reason)

    def drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        while outputs := self.layer.take_output():
            for output in outputs:
                self._carry_out(output)
        self._draining = False
        if self._timer is not None:
            self._timer.cancel()
        at = self.layer.next_timer()
        self._timer = None if at is None else self._loop.call_at(at, self.act, self.layer.handle_timer)

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, SendMessage):
            (self.tcp if output.flow.reliable else self.udp).send(output.data, output.flow)
        elif isinstance(output, CloseFlow):
            self.tcp.close(output.flow, "no SIP")
        else:
            self._user(self, output)

    def _sent_by(self, flow: Flow) -> tuple[str, int]:
        return (self.udp if flow.transport == "udp" else self.tcp).local_address

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.udp.aclose()
        await self.tcp.aclose()


@contextlib.asynccontextmanager
async def sip_node(
    user: Callable[[SipNode, Output], None], timers: Timers | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[SipNode]:
    """A node on ports that the system chooses."""
    node = SipNode(user, timers or Timers())
    node.udp = await UdpTransport.bind(host, 0, node.receive, node.failed)
    node.tcp = StreamTransport(node.receive, node.failed)
    await node.tcp.listen(host, 0)
    try:
        yield node
    finally:
        await node.aclose()
