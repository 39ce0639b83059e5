"""The user agents on this socket: which account, call or domain a SIP request is for (RFC 3261 §8.2, §12.2.2)."""

import os
from functools import partial

import structlog

from shared.errors import RemoteError
from shared.ids import new_id
from sip_agent import metrics
from sip_agent.accounts.account import Account
from sip_agent.accounts.table import Accounts
from sip_agent.core.dialog.capabilities import capabilities, refusal
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.instant import message as instant
from sip_agent.core.origin import NOT_FOR_STRANGERS
from sip_agent.core.policy.address import source_of
from sip_agent.core.policy.usage import may_ring
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.transfer.replacement import NO_SUCH_DIALOG, refusal_of
from sip_agent.core.transfer.replaces import replaces_of
from sip_agent.domain.domain import Domain
from sip_agent.domain.flow_routes import FlowRoutes
from sip_agent.services import token
from sip_agent.transport.endpoint import Endpoint

_log = structlog.get_logger(__name__)

# Of one account, which is one page: each asks the session and takes ports of a relay, and strangers may call.
MAX_CALLS = 16
SETTLES_WITHIN = "5"  # seconds; RFC 3261 §14.1: who re-INVITEs tries again after them


class UserAgents:
    """Both roles share one socket: a request of an account to the domain comes in here again.

    `is_open`: whether anybody may call a session at its Contact.
    """

    def __init__(
        self, endpoint: Endpoint, accounts: Accounts, domain: Domain, flow_routes: FlowRoutes, is_open: bool = True
    ) -> None:
        self._endpoint = endpoint
        self._flow_routes = flow_routes
        self._accounts = accounts
        self._domain = domain
        self._is_open = is_open
        accounts.moves.serve = self.receive
        endpoint.on_request = self.receive
        endpoint.on_ack = self.receive_ack

    def receive(self, transaction: TransactionId, request: Request, flow: Flow, is_merged: bool = False) -> None:
        """Take a request and see that it is answered. `is_merged`: it came before by another way (§8.2.2.2)."""
        try:
            self._route(transaction, request, flow, is_merged)
        except RemoteError as error:
            self._respond(transaction, request, error.status, error.reason)
        except Exception:  # the boundary to the stack: a transaction without a response would never end
            _log.exception("request not served", method=request.method)
            self._respond(transaction, request, 500)

    def receive_ack(self, request: Request, flow: Flow) -> None:
        """Take the ACK of a 2xx."""
        try:
            if request.routes and self._flow_routes.take_ack(request, flow):
                return
            leg = self._accounts.calls.find_dialog(request.call_id, request.to.tag or "")
        except SipError as error:
            _log.info("bad ack", error=str(error))
            return
        if leg is not None:
            leg.post(leg.core.receive_ack, request)

    def _respond(self, transaction: TransactionId, request: Request, status: int, reason: str | None = None) -> None:
        self._endpoint.respond(transaction, make_response(request, status, reason, token()))

    def _route(self, transaction: TransactionId, request: Request, flow: Flow, is_merged: bool) -> None:
        uri = request.parsed_uri
        tag = request.to.tag
        if request.routes and self._flow_routes.take(transaction, request, flow):
            return
        if tag:
            leg = self._accounts.calls.find_dialog(request.call_id, tag)
            if leg is not None:
                if self._accounts.moves.let_wait(leg.core.facts.session_id, transaction, request, flow):
                    return
                leg.came_from(flow)
                leg.post(leg.core.receive_request, transaction, request)
                return
        is_domains = self._domain.serves(uri)
        if not is_domains and self._accounts.moves.take(transaction, request, flow):
            return
        account = None if is_domains else self._accounts.find(uri.name)
        if account is not None:
            if is_merged:
                self._respond(transaction, request, 482)
            else:
                self._out_of_dialog(account, transaction, request, flow)
        elif is_domains or (uri.user is None and request.method in ("REGISTER", "OPTIONS")):
            self._domain.receive(transaction, request, flow)
        elif tag and self._accounts.is_settling:
            again = [("Retry-After", SETTLES_WITHIN)]
            self._endpoint.respond(transaction, make_response(request, 500, "Dialog Not Back Yet", headers=again))
        else:
            self._respond(transaction, request, 481 if tag else 404)

    def _out_of_dialog(self, account: Account, transaction: TransactionId, request: Request, flow: Flow) -> None:
        if request.to.tag and request.method != "OPTIONS":
            self._respond(transaction, request, 481)
            return
        is_guarded = request.method in NOT_FOR_STRANGERS or (request.method == "INVITE" and not self._is_open)
        if is_guarded and not account.next_hop.knows(flow):
            _log.info("stranger refused", method=request.method, source=f"{flow.transport}:{flow.host}")
            self._respond(transaction, request, 403)
            return
        local_tag = token()
        refused = refusal(request, local_tag)
        if refused is not None:
            self._endpoint.respond(transaction, refused)
        elif request.method == "INVITE":
            self._invite(account, transaction, request, flow, local_tag)
        elif request.method == "OPTIONS":
            headers = capabilities("OPTIONS")
            self._endpoint.respond(transaction, make_response(request, 200, None, local_tag, headers))
        elif request.method == "MESSAGE":
            self._message(account, transaction, request)
        elif request.method == "REFER":
            self._respond(transaction, request, 403)  # a call that nobody is in is not made for others
        else:
            self._respond(transaction, request, 481)

    def _message(self, account: Account, transaction: TransactionId, request: Request) -> None:
        read = instant.read(request, token())
        if isinstance(read, Response):
            self._endpoint.respond(transaction, read)
        else:
            account.messenger.receive(transaction, request, read)

    def _invite(
        self, account: Account, transaction: TransactionId, request: Request, flow: Flow, local_tag: str
    ) -> None:
        account.switchboard.give_up(request)
        if replaces_of(request) is not None:
            self._replace(account, transaction, request, flow)
        elif len(account.switchboard.calls) >= MAX_CALLS or not self._may_ring(account, flow):
            metrics.CALLS_CAPPED.labels("incoming").inc()
            self._respond(transaction, request, 486)
        elif not isinstance((request.contacts or [request.from_])[0].uri, SipUri):
            # §8.1.1.8 asks for a Contact; RFC 2543 did not, and then From tells where our requests go.
            self._respond(transaction, request, 400, "Bad Contact")
        elif self._accounts.is_draining:
            move = partial(self._accounts.move_at_once, account)
            self._accounts.moves.go_first(move, transaction, request, flow)
        else:
            account.switchboard.invited(transaction, request, flow, new_id("c", os.urandom), local_tag)

    def _replace(self, account: Account, transaction: TransactionId, request: Request, flow: Flow) -> None:
        """Give a call of the session another far side, if it is a known server that says so (RFC 3891 §3)."""
        named = replaces_of(request)
        assert named is not None
        leg = self._accounts.calls.find_dialog(named.call_id, named.to_tag)
        is_own = leg is not None and leg.core.facts.session_id == account.session_id
        status = refusal_of(named, leg.core if leg is not None and is_own else None)
        call = None if leg is None else self._accounts.calls.find(leg.core.facts.call_id)
        if not account.next_hop.knows(flow):
            self._respond(transaction, request, 403)
        elif status or call is None or call.leg is not leg:
            self._respond(transaction, request, status or NO_SUCH_DIALOG)
        else:
            call.replace(transaction, request, flow)

    def _may_ring(self, account: Account, flow: Flow) -> bool:
        if account.next_hop.knows(flow):
            return True
        ringing = [call.leg.source for call in account.switchboard.calls.values() if call.core.told_state == "incoming"]
        strangers = [source_of(source.host) for source in ringing if source and not account.next_hop.knows(source)]
        return may_ring(source_of(flow.host), strangers)
