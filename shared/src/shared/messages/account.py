"""Between signaling and sip-agent: a login, and what is known of it.

One login is one session and one SIP account with its own Contact, so two tabs of one user are two contacts of
one address of record, as RFC 3261 §10 has it. The account has the session's id.
"""

from typing import Literal

import msgspec

from .envelope import Command, Event, Reply
from .media import MediaRef

Transport = Literal["", "udp", "tcp", "tls"]
RegistrationState = Literal["none", "registering", "registered", "failed", "unregistered"]
CallState = Literal["incoming", "trying", "ringing", "early", "established", "ended"]


class SipAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser needs to be a SIP user agent (WCS "Phone Min" fields)."""

    login: str
    domain: str
    auth_name: str = ""  # empty: the login
    sealed_password: str = ""  # by `shared.sealing`; never in clear on the bus or in KV
    outbound_proxy: str = ""  # host or host:port; empty: the domain
    port: int = 0  # of the outbound proxy or domain; 0: found by the domain's rules
    transport: Transport = ""  # empty: found by the domain's rules
    register_required: bool = True
    display_name: str = ""


class OpenAccount(Command, frozen=True, kw_only=True, tag="account.open"):
    """Take the account of a new session: own it by lease, and register it if it asks for that.

    Without a socket there is no grace time: the account ends by `CloseAccount`, or `idle_seconds` after its last call,
    or after it was opened. It has no record in `sessions`.
    """

    session_id: str
    pod: str  # the signaling pod that holds the socket; empty: there is none
    account: SipAccount
    idle_seconds: float = 60.0
    takes_calls: bool = False  # without a socket: calls that come in ring, and other services answer them


class AccountOpened(Reply, frozen=True, kw_only=True, tag="account.opened"):
    """The agent owns the account; registration goes on and is told by events."""

    agent: str
    epoch: int


class AttachSession(Command, frozen=True, kw_only=True, tag="session.attach"):
    """The session's socket is now at `pod` (after a resume); the reply says where everything stands."""

    session_id: str
    pod: str


class CallSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A live call as a browser that comes back must see it."""

    call_id: str
    direction: Literal["incoming", "outgoing"]
    state: CallState
    caller: str
    callee: str
    caller_name: str = ""
    media: MediaRef | None = None
    browser_sdp: str | None = None  # the last one made for the browser
    has_video: bool = False
    local_hold: bool = False
    remote_hold: bool = False
    offer: str | None = None  # of another connection, which the browser has not answered yet (`ReanchorMedia`)


class SessionSnapshot(Reply, frozen=True, kw_only=True, tag="session.snapshot"):
    """The answer to `AttachSession`."""

    registration: RegistrationState
    status: int = 0
    reason: str = ""
    calls: tuple[CallSnapshot, ...] = ()


class DetachSession(Command, frozen=True, kw_only=True, tag="session.detach"):
    """The socket is gone; after the grace time without an attach, calls end and the account is closed."""

    session_id: str
    pod: str  # ignored if the session is meanwhile attached at another
    grace_seconds: float


class CloseAccount(Command, frozen=True, kw_only=True, tag="account.close"):
    """The user logged out: end the calls, remove the registration, forget the account."""

    session_id: str


class AdoptAccount(Command, frozen=True, kw_only=True, tag="account.adopt"):
    """From one agent to another: take this account over from me. `epoch` is the one that the adopter will have."""

    session_id: str
    calls: tuple[str, ...] = ()  # ids of its calls, which go with it


class AccountMoved(Event, frozen=True, kw_only=True, tag="account.moved"):
    """Told to the session's socket: commands go to this agent from now on."""

    session_id: str
    agent: str
    epoch: int
    has_calls: bool = False  # there were some, and one may have been lost on the way: a snapshot tells


class RegistrationChanged(Event, frozen=True, kw_only=True, tag="registration.changed"):
    """Told to the session at each change."""

    session_id: str
    state: RegistrationState
    status: int = 0  # SIP status that caused it; 0 if none did
    reason: str = ""
    expires: int = 0  # seconds granted


class SessionEnded(Event, frozen=True, kw_only=True, tag="session.ended"):
    """Told to the session's socket, which closes: it was resumed at another one, or its account is no more."""

    session_id: str
    reason: Literal["replaced", "account closed"]
