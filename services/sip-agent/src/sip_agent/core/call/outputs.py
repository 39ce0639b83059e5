"""What a call asks of its shell, in the order in which it is to be done.

`ref` names a client transaction of the call ("invite", "bye"), so that its response and its CANCEL find it;
a server transaction is named by the stack's own id.
"""

from typing import Literal

import msgspec

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


class SendRequest(msgspec.Struct, frozen=True):
    """Start a client transaction. `hop`: the dialog's next hop; None: the account's.

    `branch` of the Via: where it is not empty, another agent that sends the request again sends the same one.
    """

    ref: str
    request: Request
    hop: SipUri | None
    branch: str = ""


class SendAck(msgspec.Struct, frozen=True):
    """Send an ACK for a 2xx: no transaction, no answer."""

    request: Request
    hop: SipUri


class CancelRequest(msgspec.Struct, frozen=True):
    """Send CANCEL for a client transaction; the stack holds it back until there is something to cancel (§9.1)."""

    ref: str


class Respond(msgspec.Struct, frozen=True):
    """Answer a server transaction, or repeat a 2xx."""

    transaction: TransactionId
    response: Response


class SaveCall(msgspec.Struct, frozen=True):
    """Write the call's record before anything that follows is done."""


class AskMedia(msgspec.Struct, frozen=True):
    """Bring a session description to the relay, or ask for one; its SDP comes back by `media_answered`.

    `direction` is that of an offer that is asked for.
    """

    question: MediaQuestion
    sdp: str = ""
    direction: Direction = "sendrecv"


class Progressed(msgspec.Struct, frozen=True):
    """Tell the session of a provisional response."""

    state: ProgressState
    status: int
    reason: str
    browser_sdp: str | None = None


class Established(msgspec.Struct, frozen=True):
    """Tell the session that the call is answered."""

    browser_sdp: str | None = None


class HoldChanged(msgspec.Struct, frozen=True):
    """Tell the session who holds the call."""

    local: bool
    remote: bool


class ActionFailed(msgspec.Struct, frozen=True):
    """Tell the session that what it asked for has failed; the call goes on."""

    action: Action
    status: int
    reason: str


class DigitReceived(msgspec.Struct, frozen=True):
    """Tell the session of a digit by INFO. `duration_ms` is 0 where the far side did not say it."""

    digit: str
    duration_ms: int


class WantKeyframe(msgspec.Struct, frozen=True):
    """Ask the relay for a whole picture of the browser's: the far side cannot decode (RFC 5168)."""


class Ended(msgspec.Struct, frozen=True):
    """Remove the record, release the media, tell the session: once, last of all that it hears."""

    status: int
    reason: str
    by: EndedBy
    was_established: bool


class Unheard(msgspec.Struct, frozen=True):
    """In the place of `Ended`, of a call that the session has never heard of: only its detail record tells it."""

    status: int
    reason: str
    by: EndedBy


class TransferProgressed(msgspec.Struct, frozen=True):
    """Tell the session how far the far side is with the call that we asked it to make."""

    status: int
    reason: str


class Referred(msgspec.Struct, frozen=True):
    """Call somebody else for the same browser; how that goes is told to the call's `transfer.referee`."""

    referral: Referral


class MessageReceived(msgspec.Struct, frozen=True):
    """Ask the session whether it takes an instant message, and answer its sender."""

    transaction: TransactionId
    request: Request
    message: InstantMessage


class MessageAnswered(msgspec.Struct, frozen=True):
    """Tell the session what became of an instant message of its own."""

    message_id: str
    status: int
    reason: str


class ReanchorRefused(msgspec.Struct, frozen=True):
    """The far side does not take the new place of our media."""

    status: int
    reason: str


class Finished(msgspec.Struct, frozen=True):
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
    | ReanchorRefused
    | Ended
    | Unheard
    | Finished
)
