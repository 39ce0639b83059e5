"""WCS's REST hooks: our questions and events as its methods, its fields back to our account.

A method is the end of the URL that is posted to; a body has `nodeId`, `sessionId` and `appKey`, then what the method is
about. `connect` and the direct invocations (`call`, `answer`, `hold`, …) may be refused, `OnCallEvent` too; the status
events are told. `restClientConfig` is not looked at: a refusal always counts.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from shared.errors import RemoteError

from ..frames import (
    EarlyEvent,
    EndedEvent,
    EstablishedEvent,
    Event,
    HoldEvent,
    LiveCall,
    MessageEvent,
    MessageSentEvent,
    RegistrationEvent,
    RingingEvent,
    TransferEvent,
    TransferredEvent,
    TryingEvent,
)
from ..hooks.posts import Post, Question
from ..outputs import Answer, HangUp, PlaceCall, SendData, SendMessage, Use
from ..requests import DtmfRequest, HoldRequest, SipCredentials, TransferRequest
from ..sdp import has_video
from .account import account_of
from .call import Call

DEFAULT_APP = "defaultApp"
_BUSY = (486, 600)
_DTMF_TYPES = {"auto": "RFC2833", "rfc4733": "RFC2833", "info": "INFO"}
_REGISTRATIONS = {"registered": "REGISTERED", "failed": "FAILED", "unregistered": "UNREGISTERED"}
_MAY_OVERWRITE = frozenset(
    {
        "sipLogin",
        "sipAuthenticationName",
        "sipPassword",
        "sipVisibleName",
        "sipDomain",
        "sipOutboundProxy",
        "sipProxy",
        "sipPort",
        "sipRegisterRequired",
    }
)


def authorization(secret: str, body: bytes) -> str:
    """Return WCS's own `Authorization`: the HMAC-MD5 of the body, which it calls a hash."""
    return f"WCS {hmac.new(secret.encode(), body, hashlib.md5).hexdigest()}"


def _connection_of(account: SipCredentials) -> dict[str, Any]:
    return {
        "sipLogin": account.login,
        "sipAuthenticationName": account.auth_name,
        "sipVisibleName": account.display_name,
        "sipDomain": account.domain,
        "sipOutboundProxy": account.outbound_proxy,
        "sipPort": account.port,
        "sipRegisterRequired": account.register,
    }


class Speaker(Protocol):
    """The page as its session knows it."""

    @property
    def page(self) -> Mapping[str, Any]:
        """What it has said of itself beside its account."""

    def call_name(self, call_id: str) -> str:
        """Return what it calls a call."""

    def data_name(self, request_id: str) -> str:
        """Return what it calls data that it sends."""


class HookWording:
    """One session's, at one pod: the node of WCS."""

    def __init__(self, node: str, session_id: str, speaker: Speaker) -> None:
        self._node = node
        self._session_id = session_id
        self._speaker = speaker
        self._account = ""
        self._calls: dict[str, Call] = {}  # by our ids

    # -- the log-in

    def connect(self, account: SipCredentials | None) -> Post:
        """Post all that the page has said, and the account that is meant."""
        meant = {} if account is None else _connection_of(account)
        return self._post("connect", {**self._speaker.page, **meant})

    def account(self, given: SipCredentials | None, reply: Mapping[str, Any]) -> SipCredentials:
        """Return the account with what the reply overwrites."""
        said = {name: value for name, value in reply.items() if name in _MAY_OVERWRITE and value is not None}
        named: dict[str, Any] = {}
        if given is not None:
            named = {**_connection_of(given), "sipPassword": given.password}
            if said.get("sipLogin", given.login) != given.login:  # for which the page's credentials are none
                del named["sipAuthenticationName"], named["sipPassword"]
        named |= said
        transport = "" if given is None else given.transport
        try:
            return msgspec.convert({**account_of(named), "transport": transport}, SipCredentials)
        except msgspec.ValidationError as error:
            raise RemoteError(502, f"The Backend Names No Account: {error}") from error

    def connection(self, account: str, is_open: bool) -> Post:
        """Tell of the socket."""
        self._account = account.partition("@")[0]
        fields = {"sipLogin": self._account, "status": "ESTABLISHED" if is_open else "DISCONNECTED"}
        return self._post("ConnectionStatusEvent", fields)

    def resumed(self, calls: tuple[LiveCall, ...]) -> None:
        """Know the calls that there are."""
        for live in calls:
            self._calls[live.call] = Call(
                live.call, live.direction == "incoming", live.from_, live.to, live.from_name, live.video
            )

    # -- what the page asks for

    def ask(self, question: Question) -> Post:
        """Post a direct invocation."""
        match question:
            case PlaceCall(request=request):
                name = self._speaker.call_name(request.call)
                call = Call(name, False, self._account, request.to, "", has_video(request.sdp))
                self._calls[request.call] = call
                return self._post("call", call.fields("PENDING", custom=request.headers))
            case Answer(call_id=call_id):
                return self._post("answer", self._about(call_id, "PENDING"))
            case Use(request=request):
                return self._use(request)
            case SendMessage(request=request):
                about = {"id": request.message, "to": request.to or "", "contentType": request.content_type}
                return self._post("sendMessage", {**about, "body": request.body})
            case SendData(request=request):
                fields = {"operationId": self._speaker.data_name(request.id), "payload": request.payload}
                return self._post("OnDataEvent", fields)

    def started(self, call_id: str, caller: str, callee: str, headers: Mapping[str, str]) -> Post:
        """Ask for a call that a service wants to start, without a page."""
        call = Call(self._speaker.call_name(call_id), False, caller, callee, "", has_video=False, has_page=False)
        self._calls[call_id] = call
        return self._post("call", call.fields("PENDING", custom=dict(headers)))

    def _use(self, request: HoldRequest | DtmfRequest | TransferRequest) -> Post:
        match request:
            case HoldRequest(on=on):
                return self._post("hold" if on else "unhold", self._about(request.call, "HOLD"))
            case DtmfRequest():
                fields = {"dtmf": request.digits, "type": _DTMF_TYPES[request.method]}
                return self._post("sendDtmf", {**self._about(request.call, "ESTABLISHED"), **fields})
            case TransferRequest():
                target = request.to or self._speaker.call_name(request.other or "")
                return self._post("transfer", {**self._about(request.call, "ESTABLISHED"), "target": target})

    def hang_up(self, work: HangUp) -> Post | None:
        """Tell that a call is being ended."""
        return None if work.call_id not in self._calls else self._post("hangup", self._about(work.call_id, "FINISH"))

    def incoming(self, call_id: str, caller: str, caller_name: str, callee: str, has_video: bool) -> Post:
        """Ask for a call that comes in."""
        call = Call(self._speaker.call_name(call_id), True, caller, callee, caller_name or caller, has_video)
        self._calls[call_id] = call
        return self._post("OnCallEvent", call.fields("RING"))

    # -- what happens

    def failed(self, call_id: str, status: int, reason: str) -> Post | None:
        """Tell of a call that came to nothing."""
        return self._ended(call_id, "FAILED", status, reason)

    def told(self, event: Event) -> Post | None:
        """Tell what the page was told."""
        match event:
            case RegistrationEvent() if event.state in _REGISTRATIONS:
                fields = {"sipLogin": self._account, "status": _REGISTRATIONS[event.state]}
                return self._post("RegistrationStatusEvent", {**fields, **_outcome(event)})
            case MessageEvent():
                fields = {"id": event.message, "from": event.from_, "contentType": event.content_type}
                return self._post("OnMessageEvent", {**fields, "body": event.body})
            case MessageSentEvent():
                status = "SENT" if event.status < 300 else "FAILED"
                return self._post("MessageStatusEvent", {"id": event.message, "status": status, **_outcome(event)})
            case EndedEvent(status=status, established=established):
                word = "BUSY" if status in _BUSY else "FINISH" if established or status in (487, 603) else "FAILED"
                return self._ended(event.call, word, status, event.reason)
            case _:
                return self._told_of_call(event)

    def _told_of_call(self, event: Event) -> Post | None:
        call = self._calls.get(getattr(event, "call", ""))
        if call is None:
            return None
        match event:
            case TryingEvent():
                return self._status(call, "TRYING", event)
            case RingingEvent():
                return self._status(call, "RING", event)
            case EarlyEvent():
                return self._status(call, "SESSION_PROGRESS", event)
            case EstablishedEvent():
                return self._status(call, "ESTABLISHED")
            case HoldEvent(local=local):
                return self._status(call, "HOLD" if local else "ESTABLISHED")
            case TransferEvent(status=status):
                word = "TRYING" if status < 200 else "COMPLETED" if status < 300 else "FAILED"
                return self._post("TransferStatusEvent", {"callId": call.call_id, "status": word, **_outcome(event)})
            case TransferredEvent(peer=peer):
                call.caller, call.callee = (peer, call.callee) if call.is_incoming else (call.caller, peer)
                return self._status(call, "ESTABLISHED")
            case _:
                return None

    def _ended(self, call_id: str, word: str, status: int, reason: str) -> Post | None:
        call = self._calls.pop(call_id, None)
        if call is None:
            return None
        return self._post("CallStatusEvent", call.fields(word, sipStatus=status, info=reason))

    def _status(self, call: Call, word: str, event: TryingEvent | RingingEvent | EarlyEvent | None = None) -> Post:
        return self._post("CallStatusEvent", call.fields(word, **({} if event is None else _outcome(event))))

    def _about(self, call_id: str, status: str) -> dict[str, Any]:
        call = self._calls.get(call_id)
        return {"callId": self._speaker.call_name(call_id)} if call is None else call.fields(status)

    def _post(self, method: str, fields: Mapping[str, Any]) -> Post:
        app = self._speaker.page.get("appKey")
        common = {"nodeId": self._node, "sessionId": self._session_id, "appKey": app or DEFAULT_APP}
        return Post(method, {**fields, **common})


def _outcome(event: Any) -> dict[str, Any]:
    return {"sipStatus": event.status, "info": event.reason}
