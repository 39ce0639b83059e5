"""The translation: WCS's messages to requests, frames to WCS's messages. One for each socket.

Orders that the SDK depends on, by its source and by trial:
- `notifyTryingResponse` at once, for a call that is PENDING is hung up by the SDK alone;
- `setRemoteSDP` before `notifyIncomingCall`, and after that `ring`, without which a rejection is not told;
- a registration that fails is told by `fail` and the end of the socket, as no page shows the former;
- a call that is busy is told as FAILED: the pages of the package hear nothing of BUSY, and would wait for ever.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from ..dialect import Frame, Read, Written
from ..errors import bad_request, no_such_call
from ..frames import (
    EarlyEvent,
    EndedEvent,
    Error,
    EstablishedEvent,
    HoldEvent,
    IncomingEvent,
    LiveCall,
    MessageEvent,
    Ok,
    RegistrationEvent,
    ResumeOk,
    RingingEvent,
    SessionOk,
    TransferredEvent,
)
from ..requests import HangupRequest, convert
from ..sdp import has_video
from .account import read_connection, token_of, user_data, without_secrets
from .call import DTMF_METHODS, Call, native_id
from .wire import Message, decode, encode, flag_of, text_of

_SILENT = frozenset({"pong", "pushLogs", "submitBugReport", "sessionDebug"})  # nothing is to be done about them


class Wcs:
    """`new_token` returns what nobody can guess, for the next socket of the session."""

    renegotiates = False  # a call has one description, and the SDK one connection for it

    def __init__(self, new_token: Callable[[], str]) -> None:
        self._new_token = new_token
        self._connection: dict[str, Any] = {}
        self._calls: dict[str, Call] = {}  # by our ids
        self._asked: dict[str, tuple[str, str]] = {}  # request id -> the page's message, our id of its call
        self._numbers = 0
        self._is_registering = False

    @property
    def is_kept(self) -> bool:
        """Whether the session outlives a socket that is lost: only if the page asked for that."""
        return flag_of(self._connection, "keepAlive", default=False)

    @property
    def page(self) -> dict[str, Any]:
        """The fields of `connection`, which a web server of WCS's expects."""
        return without_secrets(self._connection)

    def call_name(self, call_id: str) -> str:
        """Return the page's id of a call that the page has named."""
        call = self._calls.get(call_id)
        return call_id if call is None else call.call_id

    def data_name(self, request_id: str) -> str:
        """Return the page's id of data that it sends."""
        return self._asked.get(request_id, ("", ""))[1]

    # -- what the page says

    def read(self, text: str) -> Read:
        """Translate a message; raise `PageError` if it is none, or cannot be carried out."""
        message = decode(text)
        match message.message:
            case "connection":
                self._connection = message.argument
                return Read((read_connection(self._id("connection"), self._connection, self._new_token),))
            case "ping":
                return Read(texts=(encode("pong"),))
            case "call":
                return self._read_call(message)
            case "answer" | "hangup" | "hold" | "unhold" | "transfer" as what:
                return self._read_use(message, *_use_of(what, message.argument))
            case "sendDtmf":
                return self._read_digits(message)
            case "sendData":
                return self._read_data(message)
            case name if name in _SILENT:
                return Read()
            case name:
                raise bad_request(f"{name} Is Not Supported")

    def _read_call(self, message: Message) -> Read:
        given = message.argument
        call_id, sdp = text_of(given, "callId"), text_of(given, "sdp")
        native = native_id(call_id)
        request = convert(
            {
                "type": "call",
                "id": self._id("call", native),
                "call": native,
                "to": text_of(given, "callee"),
                "sdp": sdp,
                "headers": _headers(given.get("custom")),
            }
        )
        call = Call(
            call_id=call_id,
            is_incoming=False,
            caller=text_of(given, "caller"),
            callee=text_of(given, "callee"),
            visible_name=text_of(given, "visibleName"),
            has_video=has_video(sdp),
        )
        self._calls.setdefault(native, call)
        return Read((request,), (encode("notifyTryingResponse", call.fields("TRYING")),))

    def _read_digits(self, message: Message) -> Read:
        method = DTMF_METHODS.get(text_of(message.argument, "type").upper())
        if method is None:
            raise bad_request("Unknown Type Of DTMF")
        digits = text_of(message.argument, "dtmf").upper()
        return self._read_use(message, "dtmf", {"digits": digits, "method": method})

    def _read_data(self, message: Message) -> Read:
        operation, payload = text_of(message.argument, "operationId"), message.argument.get("payload")
        return Read((convert({"type": "data", "id": self._id("sendData", operation), "payload": payload}),))

    def _read_use(self, message: Message, request: str, fields: dict[str, Any]) -> Read:
        call_id = text_of(message.argument, "callId")
        native = next((native for native, call in self._calls.items() if call.call_id == call_id), None)
        if native is None:
            raise no_such_call(call_id)
        asked = {"type": request, "id": self._id(message.message, native), "call": native, **fields}
        return Read((convert(asked),))

    def _id(self, message: str, call: str = "") -> str:
        self._numbers += 1
        number = str(self._numbers)
        self._asked[number] = (message, call)
        return number

    # -- what the page is told

    def write(self, frame: Frame) -> Written:
        """Translate a frame; what the SDK has no word for is not said."""
        match frame:
            case ResumeOk():
                self._asked.pop(frame.re, None)
                return self._write_resumed(frame)
            case SessionOk():
                self._asked.pop(frame.re, None)
                return Written((self._write_user(frame),))
            case Ok(re=re):
                message, operation = self._asked.pop(re, ("", ""))
                return Written((_taken(operation, "ACCEPTED"),) if message == "sendData" else ())
            case Error():
                return self._write_error(frame)
            case RegistrationEvent():
                return self._write_registration(frame)
            case IncomingEvent():
                return self._write_incoming(frame)
            case MessageEvent():
                payload = {"from": frame.from_, "contentType": frame.content_type, "body": frame.body}
                return Written((encode("OnDataEvent", {"operationId": frame.message, "payload": payload}),))
            case _:
                return self._write_call(frame)

    def _write_user(self, frame: SessionOk) -> str:
        token = token_of(frame.session, frame.resume_token)
        return encode("getUserData", user_data(self._connection, frame, token))

    def _write_resumed(self, frame: ResumeOk) -> Written:
        texts = [self._write_user(frame)]
        if frame.registration.state == "registered":
            texts.append(encode("registered", {"status": "REGISTERED"}))
        hangups: list[HangupRequest] = []
        for live in frame.calls:
            if live.state == "incoming" and live.sdp is not UNSET:
                texts += self._show(live.call, live, live.sdp, live.video)
            else:  # its media went with the page
                self._calls[live.call] = _resumed(live)
                hangups.append(self._hang_up(live.call))
        return Written(tuple(texts), tuple(hangups))

    def _write_error(self, frame: Error) -> Written:
        message, native = self._asked.pop(frame.re or "", ("", ""))
        if message == "sendData":
            return Written((_taken(native, "FAILED", frame.reason),))
        if message == "connection":
            return self._write_failed_registration(frame.status, frame.reason)
        call = self._calls.get(native)
        if message == "call" and call is not None:
            del self._calls[native]
            return Written((_finish(call, "FAILED", frame.status, frame.reason),))
        failure = {
            "apiMethod": message or "unknown",
            "id": call.call_id if call else "",
            "status": "FAILED",
            "info": f"{frame.status} {frame.reason}",
        }
        return Written((encode("fail", failure),))

    def _write_registration(self, frame: RegistrationEvent) -> Written:
        if frame.state == "registered":
            return Written((encode("registered", {"status": "REGISTERED", "sipStatus": frame.status}),))
        if frame.state == "failed":
            return self._write_failed_registration(frame.status, frame.reason)
        return Written()

    def _write_failed_registration(self, status: int, reason: str) -> Written:
        failure = {"apiMethod": "RegistrationStatusEvent", "status": "FAILED", "info": f"{status} {reason}"}
        return Written((encode("fail", failure),), is_last=True)

    def _write_incoming(self, frame: IncomingEvent) -> Written:
        if self._calls and not self._takes_several:
            # When one of two calls ends, the SDK leaves the other's connection, and its microphone, open for ever.
            return Written(hangups=(self._hang_up(frame.call, status=486, reason="Busy Here"),))
        return Written(tuple(self._show(frame.call, frame, frame.sdp, frame.video)))

    def _hang_up(self, native: str, **why: Any) -> HangupRequest:
        return HangupRequest(id=self._id("hangup", native), call=native, **why)

    @property
    def _takes_several(self) -> bool:
        custom = self._connection.get("custom")
        return isinstance(custom, dict) and custom.get("multipleCalls") is True

    def _show(self, native: str, parties: IncomingEvent | LiveCall, sdp: str, video: bool) -> list[str]:
        name = parties.from_name or parties.from_
        call = Call(native, True, parties.from_, parties.to, name, video, is_described=True)
        self._calls[native] = call
        return [
            encode("setRemoteSDP", call.call_id, sdp),
            encode("notifyIncomingCall", call.fields("RING")),
            encode("ring", call.fields("RING")),
        ]

    def _write_call(self, frame: Frame) -> Written:
        call = self._calls.get(getattr(frame, "call", ""))
        if call is None:
            return Written()
        match frame:
            case RingingEvent(sdp=sdp):
                return Written((encode("ring", call.fields("RING")), *_describe(call, sdp)))
            case EarlyEvent(sdp=sdp):
                return Written((encode("ring", call.fields("SESSION_PROGRESS")), *_describe(call, sdp)))
            case EstablishedEvent(sdp=sdp):
                call.is_established = True
                return Written((*_describe(call, sdp), encode("talk", call.fields("ESTABLISHED"))))
            case HoldEvent(local=local):
                return self._write_hold(call, local)
            case TransferredEvent(peer=peer):
                call.caller, call.callee = (peer, call.callee) if call.is_incoming else (call.caller, peer)
                return Written()
            case EndedEvent(status=status, reason=reason, established=established):
                del self._calls[frame.call]
                is_plain = established or call.is_established or status in (487, 603)
                return Written((_finish(call, "FINISH" if is_plain else "FAILED", status, reason),))
            case _:
                return Written()

    def _write_hold(self, call: Call, is_held: bool) -> Written:
        if is_held == call.is_held:
            return Written()  # the far side's hold: the page has no word for it
        call.is_held = is_held
        text = encode("hold", call.fields("HOLD")) if is_held else encode("talk", call.fields("ESTABLISHED"))
        return Written((text,))


def _use_of(message: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the request that a message about a call means, and its fields beside the call."""
    match message:
        case "answer":
            return "answer", {"sdp": text_of(given, "sdp")}
        case "hold" | "unhold":
            return "hold", {"on": message == "hold"}
        case "transfer":
            return "transfer", {"to": text_of(given, "target")}
        case _:
            return message, {}


def _describe(call: Call, sdp: Any) -> tuple[str, ...]:
    if sdp is UNSET or call.is_described or call.is_incoming:
        return ()
    call.is_described = True
    return (encode("setRemoteSDP", call.call_id, sdp),)


def _finish(call: Call, outcome: str, status: int, reason: str) -> str:
    return encode("finish", call.fields(outcome, sipStatus=status, info=reason))


def _taken(operation: str, status: str, info: str = "") -> str:
    return encode("DataStatusEvent", {"operationId": operation, "status": status, "info": info})


def _resumed(live: LiveCall) -> Call:
    return Call(live.call, live.direction == "incoming", live.from_, live.to, live.from_name, live.video)


def _headers(custom: Any) -> dict[str, str]:
    """Return the header fields that a page puts into `custom`: the SDK has an option for them that it never sends."""
    if not isinstance(custom, dict):
        return {}
    return {name: value for name, value in custom.items() if name.lower().startswith("x-") and isinstance(value, str)}
