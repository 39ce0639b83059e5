"""What Cordboard tells other services: the events of the streams `events` and `cdr` (docs/events.md).

Apart from the bus messages, which only pods read: what is here is for strangers, so it has a version of its own, names
people and calls, and holds no secret, no session description and no digit. A reader ignores fields that it does not
know; a field with a default may be added without a new version.
"""

from typing import Literal, get_args

import msgspec

from .account import RegistrationState
from .call import EndedBy
from .media import Side

VERSION = 1

Direction = Literal["incoming", "outgoing"]


class Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The root. `id` is the same however often an event is published, so that each is stored, and read, once."""

    v: int = VERSION
    id: str
    at: float  # seconds since the epoch
    pod: str  # says so, as the owner of what it speaks of


class OfSession(Told, frozen=True, kw_only=True):
    """Something about a log-in; `account` is its address of record, `user@domain`."""

    session_id: str
    account: str


class ConnectionOpened(OfSession, frozen=True, kw_only=True, tag="connection.opened"):
    """A page has logged in."""


class ConnectionResumed(OfSession, frozen=True, kw_only=True, tag="connection.resumed"):
    """The page goes on with its session, by another socket."""


class ConnectionLost(OfSession, frozen=True, kw_only=True, tag="connection.lost"):
    """The socket is gone; for a while the session waits for the page to come back."""


class ConnectionClosed(OfSession, frozen=True, kw_only=True, tag="connection.closed"):
    """The session is over: the page has logged out, or has not come back, or its account was closed."""

    reason: Literal["logged out", "lost", "account closed"]


class RegistrationChanged(OfSession, frozen=True, kw_only=True, tag="registration.changed"):
    """How the account stands with its SIP server has changed."""

    state: RegistrationState
    status: int = 0  # the SIP status that caused it; 0 if none did
    reason: str = ""
    expires: int = 0  # seconds granted


class OfCall(OfSession, frozen=True, kw_only=True):
    """Something about a call of a session. `caller` and `callee` are SIP URIs."""

    call_id: str
    direction: Direction
    caller: str
    callee: str


class CallStarted(OfCall, frozen=True, kw_only=True, tag="call.started"):
    """An INVITE is on its way, or has come."""


class CallRinging(OfCall, frozen=True, kw_only=True, tag="call.ringing"):
    """Who is called rings (180); or the far side sends media before it answers (183)."""

    status: int
    reason: str


class CallEstablished(OfCall, frozen=True, kw_only=True, tag="call.established"):
    """The call is answered."""


class CallHeld(OfCall, frozen=True, kw_only=True, tag="call.held"):
    """Who holds the call now: this side, the far one, both or, again, neither."""

    local: bool
    remote: bool


class CallTransferred(OfCall, frozen=True, kw_only=True, tag="call.transferred"):
    """The same call with another far side, who stands in `caller` or `callee` from now on."""

    peer: str
    peer_name: str = ""


class LegSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How media of one kind went between a relay and one side: the means of a call's reports. None: not measured."""

    side: Side
    kind: Literal["audio", "video"]
    loss: float | None = None  # share, 0 to 1
    jitter: float | None = None  # seconds
    round_trip: float | None = None  # seconds
    mos: float | None = None  # 1 to 4.4
    least_mos: float | None = None


class CallEnded(OfCall, frozen=True, kw_only=True, tag="call.ended"):
    """The call detail record: all of a call that has ended. There is one for each, with the same `id` at any agent."""

    caller_name: str = ""
    started_at: float
    ringing_at: float | None = None
    established_at: float | None = None
    ended_at: float
    duration: float  # seconds from `established_at` to `ended_at`; 0 if it was not answered
    status: int  # of SIP; 200 for the normal end of an established call
    reason: str
    by: EndedBy
    agent: str
    relay: str = ""
    has_video: bool = False
    quality: tuple[LegSummary, ...] = ()


AnyTold = (
    ConnectionOpened
    | ConnectionResumed
    | ConnectionLost
    | ConnectionClosed
    | RegistrationChanged
    | CallStarted
    | CallRinging
    | CallEstablished
    | CallHeld
    | CallTransferred
    | CallEnded
)

TOLD_TYPES: tuple[type[Told], ...] = get_args(AnyTold)

_decoder: msgspec.json.Decoder[AnyTold] = msgspec.json.Decoder(AnyTold)
_encoder = msgspec.json.Encoder()


def kind_of(event: Told) -> str:
    """Return the `type` that an event has on the wire."""
    return str(event.__struct_config__.tag)


def encode(event: Told) -> bytes:
    """Return the event's JSON."""
    return _encoder.encode(event)


def decode(data: bytes) -> AnyTold:
    """Read an event; raise `msgspec.MsgspecError` if it is none of these."""
    return _decoder.decode(data)
