"""What a pod says in `docs/web-protocol.md`: replies and events, and their text."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from shared.messages.account import CallState, RegistrationState
from shared.messages.call import EndedBy
from shared.messages.media import LegQuality, Side


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
    ice_seconds: int | UnsetType = UNSET  # that their credentials are good for; not said: for ever


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """How the account stands with its registrar."""

    state: RegistrationState
    status: int
    reason: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a call: this side, the far one, both or neither."""

    local: bool = False
    remote: bool = False


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in the reply to `resume`."""

    call: str
    direction: Literal["incoming", "outgoing"]
    state: CallState
    from_: str = field(name="from")
    from_name: str
    to: str
    video: bool
    held: Held = Held()
    sdp: str | UnsetType = UNSET
    offer: str | UnsetType = UNSET  # of another connection, as in `call.reanchor`


class ResumeOk(SessionOk, frozen=True, kw_only=True, tag="ok"):
    """The reply to `resume`: all that the page must know to go on."""

    registration: Registration
    calls: tuple[LiveCall, ...]


class IceOk(Ok, frozen=True, kw_only=True, tag="ok"):
    """The reply to `ice`."""

    ice_servers: tuple[IceServer, ...]
    ice_seconds: int | UnsetType = UNSET


class RenewOk(Ok, frozen=True, kw_only=True, tag="ok"):
    """The reply to `renew`."""

    sdp: str  # an offer


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
    asserted: str
    headers: dict[str, str]


class AnswerRequestedEvent(Event, frozen=True, kw_only=True, tag="call.answer_requested"):
    """Another service asks that the call, which rings, be answered."""

    call: str


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
    """The call is answered; `sdp` is the final one of a call that the page made."""

    call: str
    sdp: str | UnsetType = UNSET


class EndedEvent(Event, frozen=True, kw_only=True, tag="call.ended"):
    """The call is over, and why."""

    call: str
    status: int
    reason: str
    by: EndedBy
    established: bool


class HoldEvent(Event, frozen=True, kw_only=True, tag="call.hold"):
    """Who holds the call has changed."""

    call: str
    local: bool
    remote: bool


class ReanchorEvent(Event, frozen=True, kw_only=True, tag="call.reanchor"):
    """The call's media is to come by another connection, which `sdp` offers."""

    call: str
    sdp: str


class ActionFailedEvent(Event, frozen=True, kw_only=True, tag="call.action_failed"):
    """What the page asked for has failed; the call goes on as it was."""

    call: str
    action: Literal["hold", "unhold", "dtmf", "transfer"]
    status: int
    reason: str


class DtmfEvent(Event, frozen=True, kw_only=True, tag="call.dtmf"):
    """The far side sent a digit by SIP INFO; `duration` 0: it did not say."""

    call: str
    digit: str
    duration: int


class QualityEvent(Event, frozen=True, kw_only=True, tag="call.quality"):
    """How the call's media went in the last seconds, as the relay measured it."""

    call: str
    legs: tuple[LegQuality, ...]
    unheard: tuple[Side, ...]


class TransferEvent(Event, frozen=True, kw_only=True, tag="call.transfer"):
    """How far the far side is with the call that it was asked to make."""

    call: str
    status: int
    reason: str


class TransferredEvent(Event, frozen=True, kw_only=True, tag="call.transferred"):
    """The call has another far side."""

    call: str
    peer: str
    peer_name: str


class MessageEvent(Event, frozen=True, kw_only=True, tag="message"):
    """An instant message has come, inside a call or outside."""

    message: str
    from_: str = field(name="from")
    from_name: str
    body: str
    content_type: str
    call: str | UnsetType = UNSET


class MessageSentEvent(Event, frozen=True, kw_only=True, tag="message.sent"):
    """What became of a message of the page: the final status."""

    message: str
    status: int
    reason: str


AnyEvent = (
    RegistrationEvent
    | ByeEvent
    | IncomingEvent
    | AnswerRequestedEvent
    | TryingEvent
    | RingingEvent
    | EarlyEvent
    | EstablishedEvent
    | EndedEvent
    | HoldEvent
    | ReanchorEvent
    | ActionFailedEvent
    | DtmfEvent
    | QualityEvent
    | TransferEvent
    | TransferredEvent
    | MessageEvent
    | MessageSentEvent
)


_encoder = msgspec.json.Encoder()


def encode(frame: Ok | Error | Event) -> str:
    """Return the frame's JSON."""
    return _encoder.encode(frame).decode()


def type_of(frame: Any) -> str:
    """Return the `type` that the frame has on the wire."""
    return str(frame.__struct_config__.tag)
