"""Who has offered what in a dialog, and who is to speak (RFC 3264 §4, RFC 3261 §13.2.1 and §14, RFC 3311 §5).

One offer at a time. Where each may stand is RFC 6337 §2.2:

    offer in               answer in
    INVITE, UPDATE, PRACK  its 2xx, or a reliable 1xx to the INVITE
    2xx to INVITE          ACK
    reliable 1xx           PRACK

A description in an unreliable 1xx is a preview of the answer, and no input here.
"""

from collections.abc import Callable

from shared.errors import LocalError
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.table import Label, Rows, TableMachine

RETRY_AFTER_LIMIT = 10  # §14.2, RFC 3311 §5.2: chosen at random between 0 and this many seconds


class State(Label):
    """Which offer has no answer yet."""

    STABLE = "none"
    LOCAL_OFFER = "ours, in a request"
    RESPONSE_OFFER = "ours, in a response"
    REMOTE_OFFER = "theirs"


class Input(Label):
    """What may happen to an offer."""

    OFFER = "we offer in a request"
    OFFER_IN_RESPONSE = "we offer in a 2xx or a reliable 1xx"
    RECEIVE_OFFER = "they offer"
    ANSWER = "we answer"
    RECEIVE_ANSWER = "they answer"
    DROP = "the offer is refused, or its answer does not come"


class OfferAnswer:
    """`local` and `remote` are the descriptions that stand: of the last offer that was answered, and its answer."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self.local = ""
        self.remote = ""
        self._chance = chance
        self._machine = TableMachine(TABLE, State.STABLE)
        self._offered = ""

    @property
    def state(self) -> State:
        """Which offer waits."""
        return self._machine.state

    @property
    def may_offer(self) -> bool:
        """Whether we may make an offer now."""
        return self.state is State.STABLE

    def offer(self, sdp: str) -> None:
        """We put an offer in a request. `may_offer` must hold."""
        self._must(Input.OFFER, sdp)

    def offer_in_response(self, sdp: str) -> None:
        """We put an offer in a response to an INVITE that has none. `may_offer` must hold."""
        self._must(Input.OFFER_IN_RESPONSE, sdp)

    def answer(self, sdp: str) -> None:
        """We answer their offer."""
        self._must(Input.ANSWER, sdp)

    def refusal(self, request: Request) -> Response | None:
        """Return the response to a request whose offer crosses one that waits (RFC 3261 §14.2, RFC 3311 §5.2)."""
        if self.state in (State.LOCAL_OFFER, State.RESPONSE_OFFER):
            return make_response(request, 491, "Request Pending")
        return overlapping(request, self._chance) if self.state is State.REMOTE_OFFER else None

    def receive_offer(self, sdp: str) -> bool:
        """They offer; return False where `refusal` would have told so."""
        return self._machine.step(self, Input.RECEIVE_OFFER, sdp)

    def receive_answer(self, sdp: str) -> bool:
        """They answer our offer; return False where none waits."""
        return self._machine.step(self, Input.RECEIVE_ANSWER, sdp)

    def drop(self) -> None:
        """The offer that waits is refused or withdrawn: what stood before it stands (§14.1)."""
        self._machine.step(self, Input.DROP, "")

    def _must(self, given: Input, sdp: str) -> None:
        if not self._machine.step(self, given, sdp):
            raise LocalError(f"{given.value}, but the offer that waits is: {self.state.value}")

    # -- actions

    def _keep(self, sdp: str) -> None:
        self._offered = sdp

    def _settle_ours(self, sdp: str) -> None:
        self.local, self.remote, self._offered = self._offered, sdp, ""

    def _settle_theirs(self, sdp: str) -> None:
        self.local, self.remote, self._offered = sdp, self._offered, ""


def overlapping(request: Request, chance: Callable[[], float]) -> Response:
    """The response to a request that comes before the one before it is finished (§14.2)."""
    wait = str(round(RETRY_AFTER_LIMIT * chance()))
    return make_response(request, 500, "Overlapping Requests", headers=[("Retry-After", wait)])


TABLE: Rows[State, Input] = {
    (State.STABLE, Input.OFFER): (OfferAnswer._keep, State.LOCAL_OFFER),
    (State.STABLE, Input.OFFER_IN_RESPONSE): (OfferAnswer._keep, State.RESPONSE_OFFER),
    (State.STABLE, Input.RECEIVE_OFFER): (OfferAnswer._keep, State.REMOTE_OFFER),
    (State.LOCAL_OFFER, Input.RECEIVE_ANSWER): (OfferAnswer._settle_ours, State.STABLE),
    (State.LOCAL_OFFER, Input.DROP): (OfferAnswer._keep, State.STABLE),
    (State.RESPONSE_OFFER, Input.RECEIVE_ANSWER): (OfferAnswer._settle_ours, State.STABLE),
    (State.RESPONSE_OFFER, Input.DROP): (OfferAnswer._keep, State.STABLE),
    (State.REMOTE_OFFER, Input.ANSWER): (OfferAnswer._settle_theirs, State.STABLE),
    (State.REMOTE_OFFER, Input.DROP): (OfferAnswer._keep, State.STABLE),
}
