"""What a call asks of its shell, in the order in which it is to be done.

`ref` names a client transaction of the call ("invite", "bye"), so that its response and its CANCEL find it;
a server transaction is named by the stack's own id.
"""

from dataclasses import dataclass
from typing import Literal

from shared.messages.call import EndedBy
from shared.messages.media import Direction
from sip_agent.core.events import TransactionId
from sip_agent.core.instant.message import InstantMessage
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.transfer.referral import Referral

Action = Literal["hold", "unhold", "dtmf", "transfer"]
# "early" to "answer_browser" are of a call's set-up; "offer" is a later one of the far side; "late_offer" and
# "late_answer" are our offer where they ask for it, and their answer to that; "our_offer" and "their_answer" are of
# our own changes.
MediaQuestion = Literal[
    "early", "answer", "answer_browser", "offer", "late_offer", "late_answer", "our_offer", "their_answer"
]


ProgressState = Literal["trying", "ringing", "early"]


@dataclass(frozen=True)
class SendRequest:
    """Start a client transaction. `hop`: the dialog's next hop; None: the account's.

    `branch` of the Via: where it is not empty, another agent that sends the request again sends the same one.
    """

    ref: str
    request: Request
    hop: SipUri | None
    branch: str = ""


@dataclass(frozen=True)
class SendAck:
    """Send an ACK for a 2xx: no transaction, no answer."""

    request: Request
    hop: SipUri


@dataclass(frozen=True)
class CancelRequest:
    """Send CANCEL for a client transaction; the stack holds it back until there is something to cancel (§9.1)."""

    ref: str


@dataclass(frozen=True)
class Respond:
    """Answer a server transaction, or repeat a 2xx."""

    transaction: TransactionId
    response: Response


@dataclass(frozen=True)
class SaveCall:
    """Write the call's record before anything that follows is done."""


@dataclass(frozen=True)
class AskMedia:
    """Bring a session description to the relay, or ask for one; its SDP comes back by `media_answered`.

    `direction` is that of an offer that is asked for.
    """

    question: MediaQuestion
    sdp: str = ""
    direction: Direction = "sendrecv"


@dataclass(frozen=True)
class Progressed:
    """Tell the session of a provisional response."""

    state: ProgressState
    status: int
    reason: str
    browser_sdp: str | None = None


@dataclass(frozen=True)
class Established:
    """Tell the session that the call is answered."""

    browser_sdp: str | None = None


@dataclass(frozen=True)
class HoldChanged:
    """Tell the session who holds the call."""

    local: bool
    remote: bool


@dataclass(frozen=True)
class ActionFailed:
    """Tell the session that what it asked for has failed; the call goes on."""

    action: Action
    status: int
    reason: str


@dataclass(frozen=True)
class DigitReceived:
    """Tell the session of a digit by INFO. `duration_ms` is 0 where the far side did not say it."""

    digit: str
    duration_ms: int


@dataclass(frozen=True)
class WantKeyframe:
    """Ask the relay for a whole picture of the browser's: the far side cannot decode (RFC 5168)."""


@dataclass(frozen=True)
class Ended:
    """Remove the record, release the media, tell the session: once, last of all that it hears."""

    status: int
    reason: str
    by: EndedBy
    was_established: bool


@dataclass(frozen=True)
class TransferProgressed:
    """Tell the session how far the far side is with the call that we asked it to make."""

    status: int
    reason: str


@dataclass(frozen=True)
class Referred:
    """Call somebody else for the same browser; how that goes is told to the call's `transfer.referee`."""

    referral: Referral


@dataclass(frozen=True)
class MessageReceived:
    """Ask the session whether it takes an instant message, and answer its sender."""

    transaction: TransactionId
    request: Request
    message: InstantMessage


@dataclass(frozen=True)
class MessageAnswered:
    """Tell the session what became of an instant message of its own."""

    message_id: str
    status: int
    reason: str


@dataclass(frozen=True)
class Finished:
    """Nothing of the call is on the wire any more: forget it."""


# What the session is told while the call lives.
News = Progressed | Established | HoldChanged | ActionFailed | DigitReceived | TransferProgressed

CallOutput = (
    SendRequest
    | SendAck
    | CancelRequest
    | Respond
    | SaveCall
    | AskMedia
    | WantKeyframe
    | News
    | Referred
    | MessageReceived
    | MessageAnswered
    | Ended
    | Finished
)
