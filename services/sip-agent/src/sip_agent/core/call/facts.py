"""What is said of a call, whichever its direction: where it stands, what may happen to it, why it ends.

    INVITED ─ RINGING ─ ANSWERING ─ ANSWERED ─┐          incoming
                                              ├─ CONFIRMED ─ ENDING ─ ENDED
              CALLING ─ PROCEEDING ───────────┘          outgoing

ENDING is silent: the session has had its last event, and the wire is being tidied (CANCEL or BYE unanswered).
"""

from typing import Literal

import msgspec

from shared.messages.call import EndedBy
from sip_agent.core.table import Label


class State(Label):
    """Where a call stands."""

    INVITED = "invited"  # an INVITE is here, the session is asked
    RINGING = "ringing"  # the browser rings
    ANSWERING = "answering"  # the user answered, the relay makes the SDP
    ANSWERED = "answered"  # 200 is sent, no ACK yet
    CALLING = "calling"  # INVITE is sent, nothing is back
    PROCEEDING = "proceeding"  # a provisional response is back
    CONFIRMED = "confirmed"
    ENDING = "ending"
    ENDED = "ended"


class Input(Label):
    """What may happen to a call."""

    PROVISIONAL = "1xx to INVITE"
    CHALLENGE = "401 or 407 to INVITE"
    TOO_SMALL = "422 to INVITE"
    SUCCESS = "2xx to INVITE"
    REDIRECT = "3xx to INVITE"
    FAILURE = "any other final response to INVITE, or none"
    ACCEPTED = "the session takes the call"
    REFUSED = "the session does not"
    TAKE_OVER = "it replaces a call that the session has"
    ANSWER = "the user answers"
    MEDIA = "the relay's SDP"
    MEDIA_REFUSED = "the relay refuses"
    CANCEL = "CANCEL for our INVITE transaction"
    ACK = "ACK for our 2xx"
    NO_ACK = "no ACK in time"
    NO_PRACK = "no PRACK in time"
    REPEAT = "it still rings: say so again"
    BYE = "BYE"
    BYE_DONE = "our BYE has its final response, or none comes"
    HANGUP = "end it: the user, or something that failed"
    NO_ANSWER = "it rang for too long"
    GIVE_UP = "no final response to a cancelled INVITE"


class CallFacts(msgspec.Struct, frozen=True):
    """What does not change in a call."""

    call_id: str
    session_id: str
    direction: Literal["incoming", "outgoing"]
    caller: str
    callee: str
    created_at: float
    caller_name: str = ""
    is_private: bool = False  # the far side is not to know who calls (RFC 3323)
    asserted: str = ""  # who calls, by the word of a trusted server (RFC 3325)
    headers: dict[str, str] = {}  # of the INVITE, for the page


class End(msgspec.Struct, frozen=True):
    """Why a call ends."""

    status: int
    reason: str
    by: EndedBy
