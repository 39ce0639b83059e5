"""One SIP leg of a live call: its core's messages on their way out, and what comes back for them.

A call has one leg at a time, and a second one for a while when it is transferred.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import nats.errors
import structlog

from shared.errors import RemoteError
from sip_agent.core.auth.trust import without_challenges
from sip_agent.core.call.call import Call
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import INVITE
from sip_agent.core.call.outputs import CancelRequest, Respond, SendAck, SendRequest
from sip_agent.core.call.saved import SavedIncoming, SavedLeg
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri, is_secure
from sip_agent.core.transaction.saved import SavedInvite
from sip_agent.domain.locations import registered_flows
from sip_agent.services import Services, wall_clock

_log = structlog.get_logger(__name__)

MAX_PEERS = 4  # a phone may change its address in a call, but not without end

WireOutput = SendRequest | SendAck | Respond | CancelRequest


class Leg:
    """`next_hop` is the account's; `post` gives something to the core in its turn."""

    def __init__(
        self,
        core: Call,
        services: Services,
        next_hop: Callable[[bool], Awaitable[Places]],
        post: Callable[..., None],
    ) -> None:
        self.core = core
        self._services = services
        self._endpoint = services.endpoint
        self._next_hop = next_hop
        self._post = post
        self._refs: dict[TransactionId, str] = {}
        self._strangers: set[TransactionId] = set()
        self._came_from: deque[Flow] = deque(maxlen=MAX_PEERS)
        self._latest: Places | None = None

    # -- what comes in

    def post(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Give something to the core in its turn."""
        self._post(verb, *facts)

    def came_from(self, flow: Flow) -> None:
        """Take note of where a request of this leg came from: there we may send, too (RFC 3581)."""
        if flow not in self._came_from:
            self._came_from.append(flow)

    @property
    def source(self) -> Flow | None:
        """Where the first request of this leg came from, None if there was none."""
        return self._came_from[0] if self._came_from else None

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response to a request of this leg; the core answers the challenges that it is shown."""
        if transaction in self._strangers:
            response = without_challenges(response)
        ref = self._refs.get(transaction, "")
        if response.status >= (300 if transaction.method == "INVITE" else 200):  # only a 2xx to INVITE may come again
            self._forget(transaction)
        self.post(self.core.receive_response, ref, response)

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that a request got no response."""
        ref = self._refs.get(transaction, "")
        self._forget(transaction)
        self.post(self.core.transaction_failed, ref, status, reason)

    def leave(self) -> None:
        """The dialog is over: an INVITE of ours without an answer is waited for no longer than a cancelled one (§9.1).

        A far side that had the BYE answers it by itself (§15.1.2), or else nothing would ever end the transaction.
        """
        for transaction in [one for one in self._refs if one.method == "INVITE"]:
            self._endpoint.cancel(transaction)

    def _forget(self, transaction: TransactionId) -> None:
        self._refs.pop(transaction, None)
        self._strangers.discard(transaction)

    def _forget_changes(self) -> None:
        # A re-INVITE is sent when the one before it is through; a call is refreshed by them without end.
        for transaction in [one for one, ref in self._refs.items() if one.method == "INVITE" and ref != INVITE]:
            self._forget(transaction)

    # -- what goes out

    async def send(self, output: WireOutput) -> None:
        """Carry out what is of the wire."""
        match output:
            case SendRequest():
                await self._send_request(output)
            case SendAck(request, hop):
                await self._send_ack(request, hop)
            case Respond(transaction, response):
                self._endpoint.respond(transaction, response)
            case CancelRequest(ref):
                for transaction in [t for t, name in self._refs.items() if name == ref]:
                    self._endpoint.cancel(transaction)

    def saved(self) -> SavedLeg:
        """Return what the call's record holds of it."""
        call = self.core.saved(time.monotonic())
        set_up = call.set_up
        invites = [transaction for transaction, ref in self._refs.items() if ref == INVITE]
        if isinstance(set_up, SavedIncoming):
            invites = [set_up.transaction]
        return SavedLeg(
            call=call,
            invite=self._endpoint.saved(invites[-1]) if invites else None,
            peers=tuple(self._came_from),
            written_at=wall_clock(),
        )

    def restore(self, invite: SavedInvite) -> None:
        """Go on with the INVITE transaction of another agent."""
        core = self.core
        if isinstance(core, IncomingCall):
            self._endpoint.on_cancel(invite.id, lambda cancel: self.post(core.receive_cancel, cancel))
        else:
            self._refs[invite.id] = INVITE
            self._strangers.add(invite.id)  # whom it was sent to is not known here
        self._endpoint.restore(invite, self)

    async def _send_request(self, output: SendRequest) -> None:
        ref, request, hop = output.ref, output.request, output.hop
        try:
            places = await self._find(hop, is_secure(request.uri))
        except RemoteError as error:
            self.core.transaction_failed(ref, error.status, error.reason, time.monotonic())
            return
        is_stranger = hop is not None and not await self._is_own_server(places, is_secure(request.uri))
        if request.method == "INVITE" and ref != INVITE:
            self._forget_changes()
        transaction = self._endpoint.send_request(request, places, self, output.branch)
        self._refs[transaction] = ref
        if is_stranger:
            self._strangers.add(transaction)

    async def _find(self, hop: SipUri | None, must_be_secure: bool) -> Places:
        if hop is None:
            return await self._next_hop(must_be_secure)
        if must_be_secure:
            hop = replace(hop, scheme="sips")
        hop = await self._services.whereabouts.find(hop)
        places = await self._services.destinations.find(hop, peers=self._came_from, more_peers=self._registered)
        self._latest = places = places.as_before(self._latest)
        if not places.flows[0].reliable or await self._is_own_server(places, must_be_secure):
            return places
        sources = [*self._came_from, *await self._registered()]
        return places.over(source for source in sources if self._endpoint.has_connection(source))

    async def _registered(self) -> list[Flow]:
        """Where the far side registered from: phones of the built-in domain are reached directly, without a proxy."""
        facts, services = self.core.facts, self._services
        far = facts.caller if facts.direction == "incoming" else facts.callee
        try:
            return await registered_flows(services.store.locations, services.settings.domain, far, wall_clock())
        except nats.errors.Error as error:  # what is not known to be allowed is not allowed
            _log.warning("registrations not read", call=facts.call_id, error=repr(error))
            return []

    async def _is_own_server(self, places: Places, must_be_secure: bool) -> bool:
        try:
            servers = await self._next_hop(must_be_secure)
        except RemoteError:
            return False
        return all(servers.includes(flow) for flow in places.flows)

    async def _send_ack(self, request: Request, hop: SipUri) -> None:
        try:
            places = await self._find(hop, is_secure(request.uri))
        except RemoteError as error:
            _log.warning("ack not sent", call=self.core.facts.call_id, error=str(error))
            dialog = self.core.dialog
            if dialog is not None and dialog.remote_tag == request.to.tag:  # not that of a fork which lost anyway
                self.core.fail(error.status, error.reason, time.monotonic())
            return
        self._endpoint.send_ack(request, places)
