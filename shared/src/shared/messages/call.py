"""Between signaling and sip-agent: one call, commands one way and events the other."""

from typing import Literal

from .envelope import Command, Event, Reply
from .media import MediaRef

EndedBy = Literal["local", "remote", "system"]


class StartCall(Command, frozen=True, kw_only=True, tag="call.start"):
    """Send an INVITE. `call_id` is new; `sip_sdp` is the relay's offer. A reply means that it is on its way."""

    session_id: str
    call_id: str
    callee: str  # a SIP URI, or a user of the account's domain
    media: MediaRef
    sip_sdp: str
    has_video: bool = False
    headers: dict[str, str] = {}


class IncomingCall(Command, frozen=True, kw_only=True, tag="call.incoming"):
    """The agent asks the session whether it takes a call; signaling allocates its media and shows it."""

    session_id: str
    call_id: str
    agent: str
    caller: str
    callee: str
    sip_sdp: str
    caller_name: str = ""


class IncomingAccepted(Reply, frozen=True, kw_only=True, tag="call.incoming.accepted"):
    """The browser is ringing."""

    media: MediaRef
    browser_sdp: str  # the offer that the browser got
    has_video: bool = False


class AnswerCall(Command, frozen=True, kw_only=True, tag="call.answer"):
    """The user answered: make the SIP answer from the browser's and send 200."""

    session_id: str
    call_id: str
    browser_sdp: str


class HangupCall(Command, frozen=True, kw_only=True, tag="call.hangup"):
    """End a call in whatever state it is: CANCEL, a final response with `status`, or BYE."""

    session_id: str
    call_id: str
    status: int = 0  # for an incoming call that is not answered; 0: 603 Decline
    reason: str = ""


class CallProgress(Event, frozen=True, kw_only=True, tag="call.progress"):
    """A provisional response. `browser_sdp` is given with the first one that carries a session description."""

    session_id: str
    call_id: str
    state: Literal["trying", "ringing", "early"]
    status: int
    reason: str
    browser_sdp: str | None = None


class CallEstablished(Event, frozen=True, kw_only=True, tag="call.established"):
    """The call is answered. `browser_sdp` is absent where early media already brought the same one."""

    session_id: str
    call_id: str
    browser_sdp: str | None = None


class CallEnded(Event, frozen=True, kw_only=True, tag="call.ended"):
    """The last event of a call: the SIP status and reason that ended it, and which side did."""

    session_id: str
    call_id: str
    status: int  # 200 for a normal end of an established call
    reason: str
    by: EndedBy
    was_established: bool = False
    media: MediaRef | None = None
