"""The frames of `docs/web-protocol.md`: text to requests, replies and events to text.

Reading is strict. A frame that is not a request of this protocol is the page's fault, and the error says what is wrong
with which field.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from shared.messages.account import CallState, RegistrationState, Transport
from shared.messages.call import EndedBy

from .errors import PageError, bad_request
from .fields import (
    CallId,
    Domain,
    FinalStatus,
    Jwt,
    Line,
    Login,
    NewCallId,
    NewToken,
    Port,
    Proxy,
    RequestId,
    Sdp,
    Secret,
    Target,
    Token,
    check_headers,
    check_target,
)
from .sdp import looks_like_sdp

VERSION = 1


class AccountFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account may say besides its address; the fields of the phone page's form."""

    auth_name: Line = ""
    outbound_proxy: Proxy = ""
    port: Port = 0
    transport: Transport = "udp"
    register: bool = True
    display_name: Line = ""


class SipCredentials(AccountFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SIP account; an empty domain is the built-in one."""

    login: Login
    password: Secret
    domain: Domain


class AccountClaim(AccountFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `cordboard` claim of a token; what it leaves out follows from `sub` and the settings."""

    login: Login | None = None
    password: Secret = ""
    domain: Domain = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """The root of what a page sends."""

    id: RequestId


class LoginRequest(Request, frozen=True, kw_only=True, tag="login"):
    """Open a session for the account of `sip`, or the one that `jwt` names."""

    version: int
    sip: SipCredentials | None = None
    jwt: Jwt | None = None


class ResumeRequest(Request, frozen=True, kw_only=True, tag="resume"):
    """Go on with a session whose socket was lost; `next_token` is what the next resume will show."""

    version: int
    session: Token
    resume_token: Token
    next_token: NewToken


class LogoutRequest(Request, frozen=True, kw_only=True, tag="logout"):
    """End the session and all its calls."""


class PingRequest(Request, frozen=True, kw_only=True, tag="ping"):
    """Is anybody there?"""


class CallRequest(Request, frozen=True, kw_only=True, tag="call"):
    """Make a call. The page chooses its id, so that it can speak of the call before the reply."""

    call: NewCallId
    to: Target
    sdp: Sdp
    headers: dict[str, str] = {}


class AnswerRequest(Request, frozen=True, kw_only=True, tag="answer"):
    """Take an incoming call."""

    call: CallId
    sdp: Sdp


class HangupRequest(Request, frozen=True, kw_only=True, tag="hangup"):
    """End a call, in whatever state it is."""

    call: CallId
    status: FinalStatus | UnsetType = UNSET
    reason: Line | UnsetType = UNSET


AnyRequest = LoginRequest | ResumeRequest | LogoutRequest | PingRequest | CallRequest | AnswerRequest | HangupRequest


class IceServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RTCIceServer, as `RTCPeerConnection` takes it."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


class Ok(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ok"):
    """The request was carried out."""

    re: str


class SessionOk(Ok, frozen=True, kw_only=True, tag="ok"):
    """The reply to `login`."""

    session: str
    resume_token: str
    aor: str
    domain: str
    ice_servers: tuple[IceServer, ...]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """How the account stands with its registrar."""

    state: RegistrationState
    status: int
    reason: str


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in the reply to `resume`."""

    call: str
    direction: Literal["incoming", "outgoing"]
    state: CallState
    from_: str = field(name="from")
    from_name: str
    to: str
    video: bool
    sdp: str | UnsetType = UNSET


class ResumeOk(SessionOk, frozen=True, kw_only=True, tag="ok"):
    """The reply to `resume`: all that the page must know to go on."""

    registration: Registration
    calls: tuple[LiveCall, ...]


class Error(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """The request was not carried out. `re` is null if its id could not be read."""

    re: str | None
    status: int
    reason: str


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The root of what a page is told unasked; `seq` counts from 1 on each socket."""

    seq: int


class RegistrationEvent(Event, frozen=True, kw_only=True, tag="registration"):
    """The registration has changed."""

    state: RegistrationState
    status: int
    reason: str
    expires: int


class ByeEvent(Event, frozen=True, kw_only=True, tag="bye"):
    """The pod ends this socket."""

    reason: Literal["replaced", "account closed", "draining"]


class IncomingEvent(Event, frozen=True, kw_only=True, tag="call.incoming"):
    """Somebody calls."""

    call: str
    from_: str = field(name="from")
    from_name: str
    to: str
    sdp: str
    video: bool


class TryingEvent(Event, frozen=True, kw_only=True, tag="call.trying"):
    """The next hop took the INVITE."""

    call: str
    status: int
    reason: str


class RingingEvent(Event, frozen=True, kw_only=True, tag="call.ringing"):
    """180: the far side rings."""

    call: str
    status: int
    reason: str
    sdp: str | UnsetType = UNSET


class EarlyEvent(Event, frozen=True, kw_only=True, tag="call.early"):
    """183: the far side sends media before it answers."""

    call: str
    status: int
    reason: str
    sdp: str | UnsetType = UNSET


class EstablishedEvent(Event, frozen=True, kw_only=True, tag="call.established"):
    """The call is answered."""

    call: str
    sdp: str | UnsetType = UNSET


class EndedEvent(Event, frozen=True, kw_only=True, tag="call.ended"):
    """The call is over, and why."""

    call: str
    status: int
    reason: str
    by: EndedBy
    established: bool


AnyEvent = (
    RegistrationEvent
    | ByeEvent
    | IncomingEvent
    | TryingEvent
    | RingingEvent
    | EarlyEvent
    | EstablishedEvent
    | EndedEvent
)


class _Id(msgspec.Struct):
    id: RequestId


_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_id = msgspec.json.Decoder(_Id)
_encoder = msgspec.json.Encoder()


def decode(text: str) -> AnyRequest:
    """Read a request; raise `PageError` if it is none."""
    try:
        request = _requests.decode(text)
    except msgspec.ValidationError as error:
        raise bad_request(f"Bad Message: {_readable(error)}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:  # the last: thousands of brackets
        raise bad_request(f"Not JSON: {error}") from error
    _check(request)
    return request


def _readable(error: msgspec.ValidationError) -> str:
    # The pattern is for machines; the field's name, which follows it, is for people.
    text = str(error)
    if "matching regex" in text:
        return "characters that are not allowed" + (text[text.rindex(" - at") :] if " - at" in text else "")
    return text


def _check(request: AnyRequest) -> None:
    match request:
        case LoginRequest():
            _check_version(request.version)
            if (request.sip is None) == (request.jwt is None):
                raise bad_request("`login` takes either `sip` or `jwt`")
        case ResumeRequest():
            _check_version(request.version)
            if request.next_token == request.resume_token:
                raise bad_request("`next_token` is the one that is shown")
        case CallRequest():
            check_target(request.to)
            check_headers(request.headers)
            _check_sdp(request.sdp)
        case AnswerRequest():
            _check_sdp(request.sdp)
        case _:
            return


def _check_version(version: int) -> None:
    if version != VERSION:
        raise PageError(505, f"Version {version} Is Not Supported")


def _check_sdp(sdp: str) -> None:
    if not looks_like_sdp(sdp):
        raise bad_request("`sdp` does not begin with v=0")


def readable_id(text: str) -> str | None:
    """Return the id of a frame that is no request, for its error; None if even that cannot be read."""
    try:
        return _id.decode(text).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def encode(frame: Ok | Error | Event) -> str:
    """Return the frame's JSON."""
    return _encoder.encode(frame).decode()


def type_of(frame: Any) -> str:
    """Return the `type` that the frame has on the wire."""
    return str(frame.__struct_config__.tag)
