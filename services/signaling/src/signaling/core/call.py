"""The state of one call as its page may see it: what each side may do next.

The agent owns the call (RFC 3261 §13 is its business); this table only keeps order between three parties. A page hears
of a call in the order of `docs/web-protocol.md`, whatever order the bus delivers replies and events in, and it can ask
for nothing that makes no sense yet or any more.
"""

from dataclasses import dataclass, field
from enum import Enum

from shared.messages import (
    CallActionFailed,
    CallEnded,
    CallEstablished,
    CallHold,
    CallProgress,
    CallQuality,
    CallTransferred,
    DtmfReceived,
    TransferProgress,
)

# Of an established call.
News = CallHold | CallActionFailed | DtmfReceived | CallQuality | TransferProgress | CallTransferred
AgentEvent = CallProgress | CallEstablished | CallEnded | News


class CallState(Enum):
    """How far a call is."""

    STARTING = "being started"  # the page asked for it, the agent has not taken it yet
    ABANDONED = "being hung up"  # the same, and the page has hung up meanwhile
    PROCEEDING = "on its way"  # the agent has it
    OFFERING = "being offered"  # the agent asked, the page has not been shown it yet
    INCOMING = "incoming"  # the page rings
    ANSWERING = "being answered"  # the page took it, the agent has not confirmed
    ESTABLISHED = "established"
    OVER = "over"


class Input(Enum):
    """What may happen to a call: the page's verbs, the shell's news, the agent's events."""

    ANSWER = "answer"
    PROMPT = "answer for another service"  # which asks that the page answer
    HANGUP = "hangup"
    RENEW = "renew"  # come anew, by another connection
    USE = "use"  # hold, digits, transfer, a message inside it
    REANCHOR = "reanchor"  # its media is to come by another relay
    READY = "ready"  # the agent took it, or its offer is ready to be shown
    FAILED = "failed"
    PROGRESS = "progress"
    ESTABLISH = "establish"
    NEWS = "news"
    END = "end"


class Action(Enum):
    """What is to be done about it."""

    CONFIRM = "reply ok to `call`, then tell what was held back"
    CONFIRM_AND_HANG_UP = "the same, and hang up"
    REFUSE = "reply to `call` with the error"
    SHOW = "tell the page of the incoming call"
    HOLD_BACK = "keep the event until `call` is replied to"
    PROMISE = "reply ok: it will be hung up as soon as there is something to hang up"
    FORWARD = "send it to the agent"
    FORWARD_RENEWAL = "send it to the agent as the answer to the offer of a new connection"
    REFUSE_ANSWER = "reply to `answer` with the error; it may be tried again"
    TELL = "pass the event on to the page"
    ASK = "ask the page"
    FORGET = "nobody has been told of the call, nobody needs to be"


_St, _In, _Do = CallState, Input, Action

TABLE: dict[tuple[CallState, Input], tuple[Action, CallState]] = {
    (_St.STARTING, _In.HANGUP): (_Do.PROMISE, _St.ABANDONED),
    (_St.STARTING, _In.READY): (_Do.CONFIRM, _St.PROCEEDING),
    (_St.STARTING, _In.FAILED): (_Do.REFUSE, _St.OVER),
    (_St.STARTING, _In.PROGRESS): (_Do.HOLD_BACK, _St.STARTING),
    (_St.STARTING, _In.ESTABLISH): (_Do.HOLD_BACK, _St.STARTING),
    (_St.STARTING, _In.NEWS): (_Do.HOLD_BACK, _St.STARTING),
    (_St.STARTING, _In.END): (_Do.HOLD_BACK, _St.STARTING),
    (_St.ABANDONED, _In.HANGUP): (_Do.PROMISE, _St.ABANDONED),
    (_St.ABANDONED, _In.READY): (_Do.CONFIRM_AND_HANG_UP, _St.PROCEEDING),
    (_St.ABANDONED, _In.FAILED): (_Do.REFUSE, _St.OVER),
    (_St.ABANDONED, _In.PROGRESS): (_Do.HOLD_BACK, _St.ABANDONED),
    (_St.ABANDONED, _In.ESTABLISH): (_Do.HOLD_BACK, _St.ABANDONED),
    (_St.ABANDONED, _In.NEWS): (_Do.HOLD_BACK, _St.ABANDONED),
    (_St.ABANDONED, _In.END): (_Do.HOLD_BACK, _St.ABANDONED),
    (_St.PROCEEDING, _In.HANGUP): (_Do.FORWARD, _St.PROCEEDING),
    (_St.PROCEEDING, _In.PROGRESS): (_Do.TELL, _St.PROCEEDING),
    (_St.PROCEEDING, _In.ESTABLISH): (_Do.TELL, _St.ESTABLISHED),
    (_St.PROCEEDING, _In.END): (_Do.TELL, _St.OVER),
    (_St.OFFERING, _In.READY): (_Do.SHOW, _St.INCOMING),
    (_St.OFFERING, _In.FAILED): (_Do.FORGET, _St.OVER),
    (_St.OFFERING, _In.END): (_Do.FORGET, _St.OVER),
    (_St.INCOMING, _In.ANSWER): (_Do.FORWARD, _St.ANSWERING),
    (_St.INCOMING, _In.PROMPT): (_Do.ASK, _St.INCOMING),
    (_St.INCOMING, _In.HANGUP): (_Do.FORWARD, _St.INCOMING),
    (_St.INCOMING, _In.REANCHOR): (_Do.TELL, _St.INCOMING),
    (_St.INCOMING, _In.ESTABLISH): (_Do.TELL, _St.ESTABLISHED),
    (_St.INCOMING, _In.END): (_Do.TELL, _St.OVER),
    (_St.ANSWERING, _In.FAILED): (_Do.REFUSE_ANSWER, _St.INCOMING),
    (_St.ANSWERING, _In.HANGUP): (_Do.FORWARD, _St.ANSWERING),
    (_St.ANSWERING, _In.ESTABLISH): (_Do.TELL, _St.ESTABLISHED),
    (_St.ANSWERING, _In.END): (_Do.TELL, _St.OVER),
    (_St.ESTABLISHED, _In.HANGUP): (_Do.FORWARD, _St.ESTABLISHED),
    (_St.ESTABLISHED, _In.RENEW): (_Do.FORWARD, _St.ESTABLISHED),
    (_St.ESTABLISHED, _In.ANSWER): (_Do.FORWARD_RENEWAL, _St.ESTABLISHED),
    (_St.ESTABLISHED, _In.USE): (_Do.FORWARD, _St.ESTABLISHED),
    (_St.ESTABLISHED, _In.REANCHOR): (_Do.TELL, _St.ESTABLISHED),
    (_St.ESTABLISHED, _In.NEWS): (_Do.TELL, _St.ESTABLISHED),
    (_St.ESTABLISHED, _In.END): (_Do.TELL, _St.OVER),
}


@dataclass
class Call:
    """One call. `handle` is the only thing that moves it."""

    call_id: str
    state: CallState
    since: float
    request_id: str = ""  # of the `call` that is not replied to yet
    held_back: list[AgentEvent] = field(default_factory=list)
    hold: tuple[bool, bool] = (False, False)  # local, remote: as the page was told last

    def handle(self, what: Input) -> Action | None:
        """Take the transition; None where the table has none."""
        row = TABLE.get((self.state, what))
        if row is None:
            return None
        action, self.state = row
        return action
