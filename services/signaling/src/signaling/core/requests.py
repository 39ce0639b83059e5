"""What a page says in `docs/web-protocol.md`: text to requests.

Reading is strict. A frame that is not a request of this protocol is the page's fault, and the error says what is wrong
with which field.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from shared.messages.account import Transport
from shared.messages.call import DtmfMethod
from shared.messages.instant import TEXT

from .errors import PageError, bad_request
from .fields import (
    Body,
    CallId,
    ContentType,
    Digits,
    Domain,
    DtmfDuration,
    DtmfGap,
    FinalStatus,
    Jwt,
    Line,
    Login,
    NewCallId,
    NewMessageId,
    NewToken,
    Port,
    Proxy,
    RequestId,
    Sdp,
    Secret,
    Target,
    Token,
    check_body,
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
    transport: Transport = ""
    register: bool = True
    display_name: Line = ""


class SipCredentials(AccountFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SIP account; an empty domain is the built-in one."""

    login: Login
    password: Secret
    domain: Domain


class AccountClaim(AccountFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `cordboard` claim of a token; what it leaves out follows from `sub` and the settings. It has no password."""

    login: Login | None = None
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


class IceRequest(Request, frozen=True, kw_only=True, tag="ice"):
    """The ICE servers again, for the credentials will not be good for much longer."""


class CallRequest(Request, frozen=True, kw_only=True, tag="call"):
    """Make a call. The page chooses its id, so that it can speak of the call before the reply."""

    call: NewCallId
    to: Target
    sdp: Sdp
    headers: dict[str, str] = {}
    private: bool = False


class AnswerRequest(Request, frozen=True, kw_only=True, tag="answer"):
    """Take an incoming call."""

    call: CallId
    sdp: Sdp


class RenewRequest(Request, frozen=True, kw_only=True, tag="renew"):
    """Ask for an offer to a new connection of an established call; `answer` is to follow."""

    call: CallId


class HangupRequest(Request, frozen=True, kw_only=True, tag="hangup"):
    """End a call, in whatever state it is."""

    call: CallId
    status: FinalStatus | UnsetType = UNSET
    reason: Line | UnsetType = UNSET


class HoldRequest(Request, frozen=True, kw_only=True, tag="hold"):
    """Hold an established call, or take it back."""

    call: CallId
    on: bool


class DtmfRequest(Request, frozen=True, kw_only=True, tag="dtmf"):
    """Send digits, as telephone-events in the media (RFC 4733) or by SIP INFO; `auto`: as the far side takes them."""

    call: CallId
    digits: Digits
    duration: DtmfDuration = 100
    method: DtmfMethod = "auto"
    gap: DtmfGap = 70


class TransferRequest(Request, frozen=True, kw_only=True, tag="transfer"):
    """Send the far side on: to somebody whom it calls (blind), or to the far side of another call (attended)."""

    call: CallId
    to: Target | UnsetType = UNSET
    other: CallId | UnsetType = UNSET


class MessageRequest(Request, frozen=True, kw_only=True, tag="message"):
    """Send an instant message, to somebody or inside a call. The page chooses its id."""

    message: NewMessageId
    body: Body
    to: Target | UnsetType = UNSET
    call: CallId | UnsetType = UNSET
    content_type: ContentType = TEXT


CallUse = HoldRequest | DtmfRequest | TransferRequest
AnyRequest = (
    LoginRequest
    | ResumeRequest
    | LogoutRequest
    | PingRequest
    | IceRequest
    | CallRequest
    | AnswerRequest
    | RenewRequest
    | HangupRequest
    | CallUse
    | MessageRequest
)


class _Id(msgspec.Struct):
    id: RequestId


_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_id = msgspec.json.Decoder(_Id)


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


def convert(fields: dict[str, Any]) -> AnyRequest:
    """Return the request that has these fields; raise `PageError` if they make none."""
    try:
        request: AnyRequest = msgspec.convert(fields, AnyRequest)
    except msgspec.ValidationError as error:
        raise bad_request(f"Bad Message: {_readable(error)}") from error
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
        case TransferRequest():
            _check_either("transfer", to=request.to, other=request.other)
            if request.other == request.call:
                raise bad_request("`other` is the call itself")
        case MessageRequest():
            _check_either("message", to=request.to, call=request.call)
            check_body(request.body)
        case _:
            return


def _check_version(version: int) -> None:
    if version != VERSION:
        raise PageError(505, f"Version {version} Is Not Supported")


def _check_either(request: str, **fields: str | UnsetType) -> None:
    """Exactly one is given; a `to` is a target."""
    if sum(value is not UNSET for value in fields.values()) != 1:
        raise bad_request(f"`{request}` takes either {' or '.join(f'`{name}`' for name in fields)}")
    to = fields["to"]
    if to is not UNSET:
        check_target(to)


def _check_sdp(sdp: str) -> None:
    if not looks_like_sdp(sdp):
        raise bad_request("`sdp` does not begin with v=0")


def readable_id(text: str) -> str | None:
    """Return the id of a frame that is no request, for its error; None if even that cannot be read."""
    try:
        return _id.decode(text).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
