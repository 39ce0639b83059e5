"""What a session's core asks of its shell: frames to send, work to do on the bus, facts to count."""

from dataclasses import dataclass
from typing import Literal

from .frames import Event
from .requests import CallRequest, CallUse, DataRequest, LoginRequest, MessageRequest, ResumeRequest


@dataclass(frozen=True)
class Send:
    """Send a text frame. `status` is that of an error, 0 of any other."""

    text: str
    type: str
    status: int = 0


@dataclass(frozen=True)
class Close:
    """Close the socket after what was sent before (RFC 6455 §7.4)."""

    code: int
    reason: str


@dataclass(frozen=True)
class LogIn:
    """Open a session: `opened` or `not_opened` is to follow."""

    request: LoginRequest


@dataclass(frozen=True)
class Resume:
    """Take a session over: `resumed` or `not_opened` is to follow."""

    request: ResumeRequest


@dataclass(frozen=True)
class LogOut:
    """Close the account and forget the session: `logged_out` or `not_logged_out` is to follow."""

    re: str


@dataclass(frozen=True)
class RenewIce:
    """Make new credentials: `ice_renewed` is to follow."""

    re: str


@dataclass(frozen=True)
class PlaceCall:
    """Allocate media, ask `media_allocated`, start the call: `calls.started` or `calls.failed` is to follow."""

    request: CallRequest

    @property
    def call_id(self) -> str:
        """The call's id, as the page chose it."""
        return self.request.call


@dataclass(frozen=True)
class Answer:
    """Tell the agent: `forwarded` or `not_forwarded` is to follow."""

    re: str
    call_id: str
    sdp: str


@dataclass(frozen=True)
class Renew:
    """Ask the agent for an offer: `renewal_offered` or `refused` is to follow."""

    re: str
    call_id: str


@dataclass(frozen=True)
class AnswerRenewal:
    """Tell the agent: `forwarded` or `refused` is to follow."""

    re: str
    call_id: str
    sdp: str


@dataclass(frozen=True)
class HangUp:
    """Tell the agent. If there is a request to reply to, `forwarded` or `not_forwarded` is to follow."""

    re: str | None
    call_id: str
    status: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Use:
    """Tell the agent: `forwarded` or `refused` is to follow."""

    request: CallUse

    @property
    def call_id(self) -> str:
        """Which call."""
        return self.request.call


@dataclass(frozen=True)
class SendMessage:
    """Tell the agent: `forwarded` or `refused` is to follow."""

    request: MessageRequest


@dataclass(frozen=True)
class SendData:
    """Post it to the operator's web server: `forwarded` or `refused` is to follow."""

    request: DataRequest


@dataclass(frozen=True)
class Received:
    """A frame came from the page: the type of its request, or "malformed"."""

    type: str


@dataclass(frozen=True)
class Reached:
    """A call has come this far, `seconds` after the page asked for it or was offered it."""

    stage: Literal["allocated", "started", "ringing", "established"]
    seconds: float


@dataclass(frozen=True)
class Ended:
    """A call of this socket is over."""

    status: int
    was_established: bool


@dataclass(frozen=True)
class Dropped:
    """A message from the bus had no place in its call's state and was not passed on."""

    type: str


@dataclass(frozen=True)
class Told:
    """The page is told an event; others may want to know."""

    event: Event


Fact = Received | Reached | Ended | Dropped
CallWork = PlaceCall | Answer | Renew | AnswerRenewal | HangUp | Use | SendMessage | SendData
Output = Send | Close | LogIn | Resume | LogOut | RenewIce | CallWork | Told | Fact
