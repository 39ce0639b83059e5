"""The transaction layer (RFC 3261 §17, §18): matches messages to the four machines and drives them by one timer.

Bytes and messages come in by `receive_data` and `receive`, requests and responses of the user by `send_request` and
`respond`. What is to be sent and what the user must hear comes out of `take_output`.
"""

import heapq
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import TypeAlias

from shared.errors import LocalError
from sip_agent.core.errors import SipError
from sip_agent.core.events import (
    AckReceived,
    CancelReceived,
    CloseFlow,
    Flow,
    Malformed,
    Output,
    RequestReceived,
    SendMessage,
    StrayResponse,
    TimedOut,
    TransactionId,
)
from sip_agent.core.syntax.message import MAGIC_COOKIE, Message, NameAddr, Request, Response, Via, make_response
from sip_agent.core.syntax.parser import KeepAlive, ParseError, is_keep_alive, parse
from sip_agent.core.transaction.counts import Counts
from sip_agent.core.transaction.hop_by_hop import cancel_for
from sip_agent.core.transaction.invite_client import Input as InviteClientInput
from sip_agent.core.transaction.invite_client import InviteClient, read_invite
from sip_agent.core.transaction.invite_server import Input as InviteServerInput
from sip_agent.core.transaction.invite_server import InviteServer
from sip_agent.core.transaction.invite_server import State as InviteServerState
from sip_agent.core.transaction.matching import (
    Origin,
    branch_of_ack,
    client_id,
    count_vias,
    flow_without_connection,
    mark_source,
    origin_of,
    reply_flow,
    server_id,
)
from sip_agent.core.transaction.non_invite_client import NonInviteClient
from sip_agent.core.transaction.non_invite_server import Input as NonInviteServerInput
from sip_agent.core.transaction.non_invite_server import NonInviteServer
from sip_agent.core.transaction.saved import SavedClient, SavedInvite, SavedServer
from sip_agent.core.transaction.streams import Streams
from sip_agent.core.transaction.timers import Timers

Client: TypeAlias = InviteClient | NonInviteClient
Server: TypeAlias = InviteServer | NonInviteServer

_PONG = b"\r\n"
# Each is kept for 32 s over UDP, whoever sent it. Requests that belong to a dialog are let in for longer.
MAX_SERVERS = 50_000


class TransactionLayer:
    """All transactions of one agent.

    `branch` gives a fresh random token each time (it makes branches and the tags of our own answers); `sent_by` gives
    the host and port for Via on a flow. Beyond `most_servers` live server transactions new
    requests are dropped.
    """

    def __init__(
        self,
        timers: Timers,
        branch: Callable[[], str],
        sent_by: Callable[[Flow], tuple[str, int | None]],
        most_servers: int = MAX_SERVERS,
    ) -> None:
        self.timers = timers
        self._most_servers = most_servers
        self.counts = Counts()
        self._token = branch
        self._sent_by = sent_by
        self._clients: dict[TransactionId, Client] = {}
        self._servers: dict[TransactionId, Server] = {}
        self._origins: dict[Origin, TransactionId] = {}
        self._origin_of: dict[TransactionId, Origin] = {}
        self._by_flow: dict[Flow, set[TransactionId]] = {}
        self._streams = Streams(timers.b)
        # The server transactions of each connection, and where their responses go should it end before (§18.2.2).
        self._answered_over: dict[Flow, dict[TransactionId, Flow]] = {}
        self._heap: list[tuple[float, int, TransactionId, Enum]] = []
        self._order = count()
        self._outputs: list[Output] = []

    @property
    def live(self) -> int:
        """How many transactions there are."""
        return len(self._clients) + len(self._servers)

    # The transaction user's verbs

    def send_request(self, request: Request, flow: Flow, now: float, branch: str = "") -> TransactionId:
        """Send a request by a new client transaction. The caller's request stays as it is, without our Via.

        `branch` is unique and without the cookie; where a process knows it before it sends, another one that does not
        know whether it was sent may send it again.
        """
        if request.method == "ACK":
            raise LocalError("an ACK is no transaction: see send_ack")
        branch = MAGIC_COOKIE + (branch or self._token())
        request = self._with_via(request, flow, branch)
        id = TransactionId(branch, request.method)
        client: Client
        if request.method == "INVITE":
            client = InviteClient(id, request, flow, self)
        else:
            client = NonInviteClient(id, request, flow, self)
        self._start(client, now)
        return id

    def cancel(self, invite: TransactionId, now: float) -> None:
        """Cancel an INVITE, at once or when its first provisional response comes (§9.1). Nothing once it is answered.

        The user hears of the INVITE's end only: a final response, as a rule 487, or `TimedOut`.
        """
        client = self._clients.get(invite)
        if isinstance(client, InviteClient):
            client.fire(InviteClientInput.CANCEL, now)

    def respond(self, transaction: TransactionId, response: Response, now: float) -> None:
        """Send a response by its server transaction; nothing when that has ended."""
        server = self._servers.get(transaction)
        if server is not None:
            server.respond(response, now)
            self._drop_ended_server(server)

    def send_ack(self, ack: Request, flow: Flow) -> None:
        """Send the ACK for a 2xx, which is no transaction (§13.2.2.4); once for each copy of the 2xx."""
        self.send(self._with_via(ack, flow, branch_of_ack(ack)), flow)

    def transport_failed(self, flow: Flow, reason: str, now: float) -> None:
        """Take the news that `flow` delivers nothing any more: refused, reset or closed."""
        self._streams.forget(flow)
        for id, elsewhere in self._answered_over.pop(flow, {}).items():
            self._servers[id].flow = elsewhere
        for id in list(self._by_flow.get(flow, ())):
            client = self._clients[id]
            client.fail(reason, now)
            self._drop_ended_client(client)

    # From one process to another

    def saved(self, invite: TransactionId) -> SavedInvite | None:
        """Return an INVITE transaction as plain data, if there is anything left to do in it."""
        found = self._clients.get(invite) or self._servers.get(invite)
        if isinstance(found, InviteClient):
            return found.saved()
        if isinstance(found, InviteServer):
            # The connection that it came by stays behind: for another process it is as good as lost (§18.2.2).
            return found.saved(self._answered_over.get(found.flow, {}).get(invite, found.flow))
        return None

    def restore(self, saved: SavedInvite, now: float) -> None:
        """Go on with an INVITE transaction of another process."""
        if isinstance(saved, SavedServer):
            self._servers[saved.id] = InviteServer.restored(saved, self, now)
        else:
            self._keep(InviteClient.restored(saved, self, now))

    def cancel_saved(self, saved: SavedClient, now: float) -> None:
        """Cancel an INVITE of another process, whose responses do not come here. It is found by its Via (§9.2)."""
        self.start_cancel(cancel_for(read_invite(saved)), saved.flow, now)

    # Time

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called next."""
        heap = self._heap
        while heap and not self._is_awaited(heap[0][2], heap[0][3]):
            heapq.heappop(heap)
        late_at = self._streams.next_timer()
        if heap and (late_at is None or heap[0][0] < late_at):
            return heap[0][0]
        return late_at

    def _is_awaited(self, id: TransactionId, timer: Enum) -> bool:
        """Whether a timer has a step to take. Most have none any more, and would wake the process for nothing."""
        machine = self._clients.get(id) or self._servers.get(id)
        return machine is not None and (machine.state, timer) in machine.table

    def handle_timer(self, now: float) -> None:
        """Fire every timer that is due."""
        for flow in self._streams.take_late(now):
            self._outputs.append(CloseFlow(flow))
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, id, timer = heapq.heappop(heap)
            client, server = self._clients.get(id), self._servers.get(id)
            if client is not None:
                client.fire(timer, now)  # type: ignore[arg-type]  # armed by this very machine
                self._drop_ended_client(client)
            elif server is not None:
                server.fire(timer, now)  # type: ignore[arg-type]
                self._drop_ended_server(server)

    def take_output(self) -> list[Output]:
        """What came of the calls since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # From the network

    def receive_data(self, data: bytes, flow: Flow, now: float) -> None:
        """Take a datagram, or the next bytes of a connection."""
        if flow.reliable:
            self._receive_stream(data, flow, now)
        elif not is_keep_alive(data):
            try:
                message = parse(data)
            except ParseError as error:
                self._receive_malformed(error, flow)
            else:
                self.receive(message, flow, now)

    def _receive_stream(self, data: bytes, flow: Flow, now: float) -> None:
        received, is_broken = self._streams.feed(data, flow, now)
        for item in received:
            if item is KeepAlive.PING:
                self._outputs.append(SendMessage(_PONG, flow))
            elif isinstance(item, ParseError):
                self._receive_malformed(item, flow)
            elif isinstance(item, Message):
                self.receive(item, flow, now)
        if is_broken:
            self._outputs.append(CloseFlow(flow))

    def _receive_malformed(self, error: ParseError, flow: Flow) -> None:
        self.counts.malformed += 1
        request = error.request
        if request is not None:
            response = make_response(request, error.status, error.reason, to_tag=self._token())
            try:
                answer_to = reply_flow(request.top_via, flow)
            except SipError:
                answer_to = flow
            self.send(response, answer_to)
        self._outputs.append(Malformed(error.reason, flow, answered=request is not None))

    def receive(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take a message that has been parsed."""
        if isinstance(message, Response):
            self._receive_response(message, flow, now)
        else:
            self._receive_request(message, flow, now)

    def _receive_response(self, response: Response, flow: Flow, now: float) -> None:
        self.counts.note("in", response)
        client = self._clients.get(client_id(response))
        if client is None or count_vias(response) > client.hops:  # §8.1.3.3: it was meant for another
            self.counts.stray += 1
            self._outputs.append(StrayResponse(response, flow))
            return
        client.receive(response, now)
        self._drop_ended_client(client)

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        via = request.top_via
        id = server_id(request, via)
        mark_source(request, via, flow)
        if request.method == "ACK":
            self.counts.note("in", request)
            self._receive_ack(id, request, flow, now)
            return
        server = self._servers.get(id)
        if server is None and self._is_flooded(request):
            # §21.5.4 allows to drop: an answer of ours would be what a forged address is flooded with.
            self.counts.dropped += 1
            return
        if server is None:
            self.counts.note("in", request)
            self._receive_new(id, request, via, flow, now)
            return
        self.counts.repeated += 1
        if isinstance(server, InviteServer):
            server.fire(InviteServerInput.REQUEST, now)
        else:
            server.fire(NonInviteServerInput.REQUEST, now)

    def _is_flooded(self, request: Request) -> bool:
        begins = request.to.tag is None and request.method != "CANCEL"
        return len(self._servers) >= (self._most_servers if begins else 2 * self._most_servers)

    def _receive_ack(self, id: TransactionId, request: Request, flow: Flow, now: float) -> None:
        invite = self._servers.get(id._replace(method="INVITE"))
        if isinstance(invite, InviteServer):
            invite.receive_ack(AckReceived(request, flow), now)
        else:
            self._outputs.append(AckReceived(request, flow))

    def _receive_new(self, id: TransactionId, request: Request, via: Via, flow: Flow, now: float) -> None:
        answer_to = reply_flow(via, flow)
        if request.method == "INVITE":
            invite = InviteServer(id, request, answer_to, self)
            self._servers[id] = invite
            invite.start(now)
        else:
            self._servers[id] = NonInviteServer(id, answer_to, self)
        if answer_to.reliable:
            self._answered_over.setdefault(answer_to, {})[id] = flow_without_connection(via, flow)
        if request.method == "CANCEL":
            self._receive_cancel(id, request, now)
            return
        merged = False
        if request.to.tag is None:
            origin = origin_of(request)
            merged = self._origins.setdefault(origin, id) != id
            if not merged:
                self._origin_of[id] = origin
        self._outputs.append(RequestReceived(id, request, flow, merged))

    def _receive_cancel(self, id: TransactionId, cancel: Request, now: float) -> None:
        """§9.2: answer a CANCEL, whatever becomes of the INVITE."""
        invite = self._servers.get(id._replace(method="INVITE"))
        if not isinstance(invite, InviteServer):
            self.respond(id, make_response(cancel, 481, to_tag=self._token()), now)
            return
        tag = NameAddr.parse(invite.last_to).tag if invite.last_to else None
        self.respond(id, make_response(cancel, 200, to_tag=tag or self._token()), now)
        if invite.state is InviteServerState.PROCEEDING:
            self._outputs.append(CancelReceived(invite.id, cancel))

    # What the machines do (machine.Wire)

    def send(self, message: Message, flow: Flow) -> bytes:
        """Send a message for the first time."""
        data = message.to_bytes()
        self.counts.note("out", message)
        self._outputs.append(SendMessage(data, flow))
        return data

    def resend(self, data: bytes, flow: Flow) -> None:
        """Send the bytes of a message again."""
        self.counts.retransmitted += 1
        self._outputs.append(SendMessage(data, flow))

    def put(self, output: Output) -> None:
        """Tell the transaction user."""
        if isinstance(output, TimedOut):
            self.counts.timed_out += 1
        self._outputs.append(output)

    def arm(self, transaction: TransactionId, timer: Enum, at: float) -> None:
        """Let a machine's timer fire at a time."""
        heapq.heappush(self._heap, (at, next(self._order), transaction, timer))

    def start_cancel(self, cancel: Request, flow: Flow, now: float) -> None:
        """Run a CANCEL transaction of which the user hears nothing."""
        id = TransactionId(cancel.top_via.branch or "", "CANCEL")
        self._start(NonInviteClient(id, cancel, flow, self, silent=True), now)

    # Bookkeeping

    def _with_via(self, request: Request, flow: Flow, branch: str) -> Request:
        host, port = self._sent_by(flow)
        request = request.copy()
        request.headers.prepend(
            "Via", str(Via(flow.transport.upper(), host, port, (("rport", None), ("branch", branch))))
        )
        if "Max-Forwards" not in request.headers:
            request.headers.add("Max-Forwards", "70")
        return request

    def _start(self, client: Client, now: float) -> None:
        self._keep(client)
        client.start(now)

    def _keep(self, client: Client) -> None:
        self._clients[client.id] = client
        self._by_flow.setdefault(client.flow, set()).add(client.id)

    def _drop_ended_client(self, client: Client) -> None:
        if client.ended and self._clients.pop(client.id, None) is not None:
            others = self._by_flow[client.flow]
            others.discard(client.id)
            if not others:
                del self._by_flow[client.flow]

    def _drop_ended_server(self, server: Server) -> None:
        if server.ended and self._servers.pop(server.id, None) is not None:
            others = self._answered_over.get(server.flow)
            if others is not None and others.pop(server.id, None) is not None and not others:
                del self._answered_over[server.flow]
            origin = self._origin_of.pop(server.id, None)
            if origin is not None:
                del self._origins[origin]
