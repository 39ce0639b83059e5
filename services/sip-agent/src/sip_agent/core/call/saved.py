"""A call's SIP side as plain data: what its record holds, so that another agent can go on with it in any state.

Times are seconds that were left when it was written; whoever reads it later takes the time since off first (`aged`).
What was asked of the relay and not answered is asked again by the one that takes over. A call whose end has been told
has no record.
"""

from itertools import chain

import msgspec

from shared.messages.account import CallState
from sip_agent.core.call.facts import CallFacts, State
from sip_agent.core.call.outputs import ProgressState
from sip_agent.core.call.redirection import Targets
from sip_agent.core.call.reliable import State as RingingState
from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.dialog.dialog_set import DialogSet
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.in_dialog.session_timer import SessionInterval
from sip_agent.core.syntax.message import Request
from sip_agent.core.transaction.saved import SavedInvite


class SavedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An INVITE, byte by byte: each of its characters here is one byte on the wire, for JSON holds any of them so."""

    uri: str
    fields: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def of(cls, request: Request, with_body: bool) -> "SavedRequest":
        """Take a request down."""
        fields = tuple(request.headers)
        if not "".join(chain.from_iterable(fields)).isascii():  # seldom: and then field by field
            fields = tuple((_bytewise(name), _bytewise(value)) for name, value in fields)
        body = request.body.decode("latin-1") if with_body else ""
        return cls(uri=_bytewise(request.uri), fields=fields, body=body)

    def read(self) -> Request:
        """Return it again."""
        fields = [(_as_parsed(name), _as_parsed(value)) for name, value in self.fields]
        return Request("INVITE", _as_parsed(self.uri), fields, self.body.encode("latin-1"))


def _bytewise(text: str) -> str:
    return text if text.isascii() else text.encode(errors="surrogateescape").decode("latin-1")


def _as_parsed(text: str) -> str:
    return text if text.isascii() else text.encode("latin-1").decode(errors="surrogateescape")


class SavedOutgoing(msgspec.Struct, frozen=True, kw_only=True, tag="outgoing"):
    """`hop`: where a redirected INVITE goes, empty for the account's own servers."""

    hop: str
    dialogs: DialogSet
    targets: Targets
    told: tuple[ProgressState, int] | None
    is_media_asked: bool  # early media waits for the relay


class SavedIncoming(msgspec.Struct, frozen=True, kw_only=True, tag="incoming"):
    """`rseq` and `ringing` are of `reliable`."""

    transaction: TransactionId
    browser_answer: str | None  # what the user answered with
    sent_sdp: str  # in our 200
    rseq: int
    ringing: RingingState


class SavedSession(msgspec.Struct, frozen=True, kw_only=True):
    """What the rooms of the dialog have agreed on. `ack_within`: for a 2xx of ours that is repeated till then."""

    local_hold: bool = False
    remote_hold: bool = False
    allows_update: bool = False
    interval: SessionInterval | None = None
    ack_within: float = 0.0


class SavedCall(msgspec.Struct, frozen=True, kw_only=True):
    """`local_sdp` and `remote_sdp` stand; before there is an answer the far side's is what it said last."""

    facts: CallFacts
    state: State
    local_tag: str
    invite: SavedRequest  # the one that made the call, as it stood last; once that is through without its body
    dialog: Dialog | None
    told_state: CallState
    was_established: bool
    browser_sdp: str | None
    local_sdp: str
    remote_sdp: str
    left: dict[str, float]  # until each deadline, by the name of its input
    session: SavedSession
    set_up: SavedOutgoing | SavedIncoming

    def aged(self, seconds: float) -> "SavedCall":
        """Return it as it would have been written so much later."""
        interval = self.session.interval
        if interval is not None:
            interval = msgspec.structs.replace(interval, left=interval.left - seconds)
        ack_within = self.session.ack_within - seconds
        return msgspec.structs.replace(
            self,
            left={name: left - seconds for name, left in self.left.items()},
            session=msgspec.structs.replace(self.session, interval=interval, ack_within=ack_within),
        )


class SavedLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its INVITE transaction, where there is anything left to do in that.

    `peers` are flows that its requests came by, `written_at` is by the wall clock.
    """

    call: SavedCall
    invite: SavedInvite | None
    peers: tuple[Flow, ...] = ()
    written_at: float = 0.0
