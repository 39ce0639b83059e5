"""What stands in NATS KV: one struct for each bucket, and who may write it.

| bucket    | key                    | written by                                | ends with                         |
|-----------|------------------------|-------------------------------------------|-----------------------------------|
| sessions  | session id             | signaling, by compare-and-swap            | log-out, or the grace time        |
| accounts  | session id             | the agent that owns it, by CAS and epoch  | its session                       |
| owned     | incarnation.session id | the agent that is to own an account       | its record has another owner      |
| lives     | incarnation of agent   | that agent; who takes over what it owned  | its TTL, a day after its end      |
| calls     | call id                | the agent that owns its account           | the call's end                    |
| locations | address of record      | the agent that served the REGISTER, CAS   | its last binding, or its expiry   |
| usage     | address of record      | the agent that starts or ends a call, CAS | its TTL, a day after the last one |
| leases    | agent id               | that agent, renewed; CAS of who buries it | its TTL; a dead one's, a day      |
| endings   | call id                | the agent that had it, at its end         | its TTL, ten minutes              |
| requests  | who asks, and his key  | signaling, by compare-and-swap            | its TTL, a day                    |
| names     | call id                | signaling, as it starts the call          | its TTL, a day                    |

What is in `owned` has no value (docs/bus.md).
Every record carries `v`; a reader refuses one that it does not know.
"""

from typing import Literal

import msgspec

from .messages.account import CallState, RegistrationState, SipAccount
from .messages.call import EndedBy
from .messages.media import MediaRef

VERSION = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all records."""

    v: int = VERSION


class SessionRecord(Record, frozen=True, kw_only=True):
    """A login. The socket may move from pod to pod; the session stays."""

    session_id: str
    aor: str  # user@domain, for people
    pod: str  # the signaling pod that holds the socket now, or held it last
    agent: str  # owned the account when this was written
    epoch: int
    resume_hash: str  # hex SHA-256 of the token that the next resume must show; new after each
    created_at: float
    detached_at: float | None = None  # when the socket was lost; None while there is one


class AccountRecord(Record, frozen=True, kw_only=True):
    """An account and its registration, enough for another agent to go on with it."""

    session_id: str
    account: SipAccount
    owner: str
    epoch: int
    pod: str  # empty: opened without a socket
    incarnation: str = ""  # of the owner: what it had is free once that is dead, though its pod starts anew
    contact: str = ""  # that the owner registers
    registration: RegistrationState = "none"
    register_call_id: str = ""
    register_cseq: int = 0  # ahead of the wire: written before it is sent
    detached_at: float | None = None
    grace_seconds: float = 0.0
    idle_seconds: float = 0.0  # without a socket: how long it lives without a call
    takes_calls: bool = False  # without a socket: those that come in are for other services to answer
    created_at: float = 0.0


class CallRecord(Record, frozen=True, kw_only=True):
    """A call, written at each change of its dialog before the message that explains the change is sent."""

    call_id: str
    session_id: str
    owner: str
    epoch: int
    direction: Literal["incoming", "outgoing"]
    state: CallState
    caller: str
    callee: str
    created_at: float
    ringing_at: float | None = None
    caller_name: str = ""
    media: MediaRef | None = None
    browser_sdp: str | None = None
    has_video: bool = False
    status: int = 0  # the SIP status of `state`: of the last response that was told; 0: none yet
    established_at: float | None = None
    local_hold: bool = False
    remote_hold: bool = False
    is_headless: bool = False  # no browser takes part
    joined_call_id: str = ""  # of two calls without a browser that are, or are to be, each other's far side
    is_moving: bool = False  # the media is on its way to another relay: whoever takes the call over begins that anew
    # The SIP side: JSON of sip_agent.core.call.saved; where its descriptions have keys of SRTP, that as a sealed text.
    leg: msgspec.Raw = msgspec.Raw(b"null")


class EndingRecord(Record, frozen=True, kw_only=True):
    """How a call without a browser has ended: nobody was there to be told, but somebody may ask."""

    call: CallRecord  # as it was, without its leg
    status: int
    reason: str
    by: EndedBy
    ended_at: float


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """One contact of an address of record (RFC 3261 §10.3)."""

    contact: str  # URI
    call_id: str
    cseq: int
    expires_at: float
    received: str = ""  # "udp:host:port" or "tcp:host:port" that the REGISTER came from
    agent: str = ""  # took the REGISTER, and holds the connection if it came over one
    instance: str = ""  # +sip.instance
    q: float = 1.0


class LocationRecord(Record, frozen=True, kw_only=True):
    """Where the built-in domain finds an address of record."""

    aor: str
    bindings: tuple[Binding, ...] = ()


class CountedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress, and the incarnation of the agent that must end it."""

    call_id: str
    agent: str
    incarnation: str


class UsageRecord(Record, frozen=True, kw_only=True):
    """How much an address of record calls; counts are of the window that started at the time beside them."""

    aor: str
    live: tuple[CountedCall, ...] = ()
    minute_at: float = 0.0
    minute: int = 0
    day_at: float = 0.0
    day: int = 0


class AgentLease(Record, frozen=True, kw_only=True):
    """Held by a live agent and renewed; what it owns is free only when this is gone, or marked as a dead one's.

    The mark is what the agent finds, were it alive after all: it has lost everything then.
    """

    agent: str
    incarnation: str
    address: str  # SIP host:port
    is_dead: bool = False


class LifeRecord(Record, frozen=True, kw_only=True):
    """One life of an agent. Where it is written, every account of that life has an entry in `owned`."""

    agent: str
    incarnation: str
    address: str  # SIP host:port
    has_looked: bool = False  # for what was left before there were entries
    is_over: bool = False  # nothing is its own any more


class RequestRecord(Record, frozen=True, kw_only=True):
    """A request of the REST API under an idempotency key: whoever makes it again gets the same response."""

    fingerprint: str  # hex SHA-256 of what was asked
    status: int = 0  # of the response; 0: it is being carried out
    body: str = ""
    location: str = ""


class NameRecord(Record, frozen=True, kw_only=True):
    """How the one who had a call started names it, where he may choose a name that is no call id."""

    call_id: str
    name: str
    created_at: float
