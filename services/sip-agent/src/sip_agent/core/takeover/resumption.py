"""How an agent goes on with a call of one that died, or that gives it away: by where the call stood (docs/bus.md)."""

from collections.abc import Mapping

from sip_agent.core.call.call import Call
from sip_agent.core.call.facts import State
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.call.saved import SavedCall, SavedLeg
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.table import Label
from sip_agent.core.transaction.saved import SavedClient, SavedServer


class Way(Label):
    """What is to be sent, if anything, for the far side to go on with us."""

    GO_ON = "nothing: what we send next finds it, and what it sends next finds us"
    DIAL_ANEW = "CANCEL for the other agent's INVITE, and INVITE once more"
    REFRESH_TARGET = "a re-INVITE with our Contact"


# INVITED has no record. RFC 3261 §17.1.3: a response is matched by its branch, whoever sends it; §18.2.2: it is sent
# to where the Via says, so to the other agent.
WAYS: Mapping[State, Way] = {
    State.CALLING: Way.DIAL_ANEW,
    State.PROCEEDING: Way.DIAL_ANEW,
    State.RINGING: Way.GO_ON,
    State.ANSWERING: Way.GO_ON,
    State.ANSWERED: Way.REFRESH_TARGET,
    State.CONFIRMED: Way.REFRESH_TARGET,
}


class Resumption:
    """A call as its record has it. `is_same_place`: what the far side sends to the other agent's address comes here.

    Carry out in this order: `lost_invite` is cancelled, `invite` goes on, `begin` is done with the call.
    """

    def __init__(self, saved: SavedLeg, is_same_place: bool, age: float) -> None:
        self._saved: SavedCall = saved.call.aged(age)
        self._is_same_place = is_same_place
        self._kept = saved.invite
        way = WAYS[saved.call.state]
        self.way = Way.GO_ON if is_same_place and way is Way.DIAL_ANEW else way

    @property
    def invite(self) -> SavedClient | SavedServer | None:
        """The INVITE transaction that goes on here."""
        goes_on = self._is_same_place or isinstance(self._kept, SavedServer)
        return self._kept if goes_on else None

    @property
    def lost_invite(self) -> SavedClient | None:
        """The one that can only be cancelled, for no response to it comes here."""
        is_lost = self.way is Way.DIAL_ANEW and isinstance(self._kept, SavedClient)
        return self._kept if is_lost and isinstance(self._kept, SavedClient) else None

    def call(self, identity: Identity, rules: CallRules, now: float) -> Call:
        """Return the call, as it stood."""
        if self._saved.facts.direction == "incoming":
            return IncomingCall.restored(self._saved, identity, rules, now)
        is_sent = self._kept is not None or self.way is Way.DIAL_ANEW
        return OutgoingCall.restored(self._saved, identity, rules, is_sent, now)

    def begin(self, call: Call, now: float) -> None:
        """Let the far side know, if it has to."""
        match self.way:
            case Way.DIAL_ANEW if isinstance(call, OutgoingCall):
                call.dial_anew(now)
            case Way.REFRESH_TARGET:
                call.refresh_target(now)
            case _:
                pass
