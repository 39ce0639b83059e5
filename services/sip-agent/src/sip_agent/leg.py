"""One SIP leg of a live call: its core's messages on their way out, and what comes back for them.

A call has one leg at a time, and a second one for a while when it is transferred.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from shared.errors import RemoteError
from sip_agent.core.call.call import Call
from sip_agent.core.call.outputs import CancelRequest, Respond, SendAck, SendRequest
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.endpoint import Endpoint
from sip_agent.resolve import resolve

_log = structlog.get_logger(__name__)

WireOutput = SendRequest | SendAck | Respond | CancelRequest


class Leg:
    """`next_hop` is the account's; `post` gives something to the core in its turn."""

    def __init__(
        self,
        core: Call,
        endpoint: Endpoint,
        next_hop: Callable[[], Awaitable[Flow]],
        post: Callable[..., None],
    ) -> None:
        self.core = core
        self._endpoint = endpoint
        self._next_hop = next_hop
        self._post = post
        self._refs: dict[TransactionId, str] = {}
        self._strangers: set[TransactionId] = set()

    # -- what comes in

    def post(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Give something to the core in its turn."""
        self._post(verb, *facts)

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response to a request of this leg.

        A challenge of anybody but the account's own servers is not shown to the core, which would answer it: whoever
        gets that answer can try passwords on it.
        """
        if response.status in (401, 407) and transaction in self._strangers:
            response = response.copy()
            response.headers.remove("WWW-Authenticate")
            response.headers.remove("Proxy-Authenticate")
        self.post(self.core.receive_response, self._refs.get(transaction, ""), response)

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that a request got no response."""
        self.post(self.core.transaction_failed, self._refs.get(transaction, ""), status, reason)

    # -- what goes out

    async def send(self, output: WireOutput) -> None:
        """Carry out what is of the wire."""
        match output:
            case SendRequest(ref, request, hop):
                await self._send_request(ref, request, hop)
            case SendAck(request, hop):
                await self._send_ack(request, hop)
            case Respond(transaction, response):
                self._endpoint.respond(transaction, response)
            case CancelRequest(ref):
                for transaction in [t for t, name in self._refs.items() if name == ref]:
                    self._endpoint.cancel(transaction)

    async def _send_request(self, ref: str, request: Request, hop: SipUri | None) -> None:
        try:
            flow = await self._next_hop() if hop is None else await resolve(hop)
        except RemoteError as error:
            self.core.transaction_failed(ref, error.status, error.reason, time.monotonic())
            return
        is_stranger = hop is not None and not await self._is_own_server(flow)
        transaction = self._endpoint.send_request(request, flow, self)
        self._refs[transaction] = ref
        if is_stranger:
            self._strangers.add(transaction)

    async def _is_own_server(self, flow: Flow) -> bool:
        try:
            server = await self._next_hop()
        except RemoteError:
            return False
        return (server.host, server.port) == (flow.host, flow.port)

    async def _send_ack(self, request: Request, hop: SipUri) -> None:
        try:
            flow = await resolve(hop)
        except RemoteError as error:
            _log.warning("ack not sent", call=self.core.facts.call_id, error=str(error))
            return
        self._endpoint.send_ack(request, flow)
