"""Server transaction for other requests (RFC 3261 figure 8)."""

from itertools import product

import pytest
from tests.support.sip_messages import BRANCH, TCP, UDP, RecordingWire, make_answer, make_request

from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.transaction.non_invite_server import Input, NonInviteServer, State

IGNORED = {
    # The user has not spoken yet: nothing to repeat.
    (State.TRYING, Input.REQUEST),
    (State.TRYING, Input.TIMER_J),
    (State.PROCEEDING, Input.TIMER_J),
    (State.COMPLETED, Input.SEND_PROVISIONAL),
    (State.COMPLETED, Input.SEND_FINAL),
    *product([State.TERMINATED], Input),
}


def test_every_pair_is_a_step_or_ignored_on_purpose() -> None:
    assert set(NonInviteServer.table) | IGNORED == set(product(State, Input))
    assert not set(NonInviteServer.table) & IGNORED


class Received:
    """A request that came in."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.wire = RecordingWire()
        self.request = make_request("BYE")
        self.machine = NonInviteServer(TransactionId(BRANCH, "BYE", "192.0.2.1:5060"), flow, self.wire)

    def respond(self, status: int) -> None:
        self.machine.respond(make_answer(self.request, status), 1.0)


def test_a_copy_gets_the_last_response_again() -> None:
    received = Received()
    received.machine.fire(Input.REQUEST, 0.5)
    assert received.wire.resent == []
    received.respond(100)
    received.machine.fire(Input.REQUEST, 1.5)
    received.respond(200)
    received.machine.fire(Input.REQUEST, 2.5)
    assert received.wire.resent == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]


@pytest.mark.parametrize(("flow", "end"), [(UDP, 33.0), (TCP, 1.0)])
def test_timer_j_ends_it(flow: Flow, end: float) -> None:
    received = Received(flow)
    received.respond(200)
    assert received.wire.armed == [("TIMER_J", end)]
    received.machine.fire(Input.TIMER_J, end)
    assert received.machine.ended


def test_a_second_final_response_is_not_sent() -> None:
    received = Received()
    received.respond(404)
    received.respond(200)
    assert received.wire.sent == ["SIP/2.0 404 Not Found"]
