"""INVITE server transaction (RFC 3261 figure 7, RFC 6026)."""

from itertools import product

import pytest
from tests.support.sip_messages import BRANCH, TCP, UDP, RecordingWire, make_answer, make_request

from sip_agent.core.events import AckReceived, AckTimedOut, Flow, TransactionId
from sip_agent.core.transaction.invite_server import Input, InviteServer, State

IGNORED = {
    (State.PROCEEDING, Input.ACK),
    *product([State.PROCEEDING], [Input.TIMER_G, Input.TIMER_H, Input.TIMER_I, Input.TIMER_L]),
    *product([State.COMPLETED], [Input.SEND_PROVISIONAL, Input.SEND_SUCCESS, Input.SEND_FAILURE]),
    *product([State.COMPLETED], [Input.TIMER_TRYING, Input.TIMER_I, Input.TIMER_L]),
    *product([State.CONFIRMED], set(Input) - {Input.TIMER_I}),
    # RFC 6026 §7.1: copies of the INVITE are absorbed, the 2xx is repeated by the user.
    *product([State.ACCEPTED], set(Input) - {Input.SEND_SUCCESS, Input.ACK, Input.TIMER_L}),
    *product([State.TERMINATED], Input),
}


def test_every_pair_is_a_step_or_ignored_on_purpose() -> None:
    assert set(InviteServer.table) | IGNORED == set(product(State, Input))
    assert not set(InviteServer.table) & IGNORED


class Received:
    """An INVITE that came in."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.wire = RecordingWire()
        self.id = TransactionId(BRANCH, "INVITE", "192.0.2.1:5060")
        self.request = make_request()
        self.machine = InviteServer(self.id, self.request, flow, self.wire)
        self.machine.start(0.0)
        self.ack = AckReceived(make_request("ACK"), flow)

    def respond(self, status: int) -> None:
        self.wire.take_armed()
        self.machine.respond(make_answer(self.request, status), 1.0)


def test_100_goes_out_after_200_ms() -> None:
    received = Received()
    assert received.wire.armed == [("TIMER_TRYING", 0.2)]
    received.machine.fire(Input.REQUEST, 0.1)
    assert received.wire.resent == []
    received.machine.fire(Input.TIMER_TRYING, 0.2)
    assert received.wire.sent == ["SIP/2.0 100 Trying"]


def test_100_does_not_go_out_after_the_user_spoke() -> None:
    received = Received()
    received.respond(180)
    received.machine.fire(Input.TIMER_TRYING, 0.2)
    assert received.wire.sent == ["SIP/2.0 180 Ringing"]


def test_a_copy_of_the_invite_gets_the_last_response_again() -> None:
    received = Received()
    received.respond(180)
    received.respond(183)
    received.machine.fire(Input.REQUEST, 1.5)
    received.respond(486)
    received.machine.fire(Input.REQUEST, 2.5)
    assert received.wire.resent == ["SIP/2.0 183 Session Progress", "SIP/2.0 486 Busy Here"]


def test_timer_g_doubles_up_to_t2_over_udp() -> None:
    received = Received()
    received.respond(486)
    assert received.wire.take_armed() == [("TIMER_G", 1.5), ("TIMER_H", 33.0)]
    pauses = []
    for _ in range(5):
        received.machine.fire(Input.TIMER_G, 0.0)
        pauses += [at for _, at in received.wire.take_armed()]
    assert pauses == [1.0, 2.0, 4.0, 4.0, 4.0]
    assert received.wire.resent == ["SIP/2.0 486 Busy Here"] * 5


def test_a_failure_is_not_repeated_over_tcp_but_still_waits_for_its_ack() -> None:
    received = Received(TCP)
    received.respond(486)
    assert received.wire.take_armed() == [("TIMER_H", 33.0)]


def test_timer_h_tells_that_no_ack_came() -> None:
    received = Received()
    received.respond(486)
    received.machine.fire(Input.TIMER_H, 33)
    assert received.wire.outputs == [AckTimedOut(received.id)] and received.machine.ended


@pytest.mark.parametrize(("flow", "end"), [(UDP, 7.0), (TCP, 2.0)])
def test_acks_are_absorbed_until_timer_i(flow: Flow, end: float) -> None:
    received = Received(flow)
    received.respond(486)
    received.wire.take_armed()
    received.machine.receive_ack(received.ack, 2.0)
    received.machine.receive_ack(received.ack, 2.5)
    received.machine.fire(Input.TIMER_G, 2.6)
    received.machine.fire(Input.TIMER_H, 33.0)
    assert received.wire.take_armed() == [("TIMER_I", end)]
    assert received.wire.outputs == [] and received.wire.resent == []
    received.machine.fire(Input.TIMER_I, end)
    assert received.machine.ended


def test_copies_of_the_invite_are_absorbed_after_a_2xx_until_timer_l() -> None:
    received = Received()
    received.respond(200)
    assert received.wire.take_armed() == [("TIMER_L", 33.0)]
    received.machine.fire(Input.REQUEST, 2)
    assert received.wire.resent == []
    received.machine.fire(Input.TIMER_L, 33)
    assert received.machine.ended


def test_the_user_repeats_its_2xx_and_hears_an_ack_with_the_branch_of_the_invite() -> None:
    received = Received()
    for _ in range(3):
        received.respond(200)
    received.machine.receive_ack(received.ack, 2)
    assert received.wire.sent == ["SIP/2.0 200 OK"] * 3
    assert received.wire.outputs == [received.ack]


def test_a_second_final_response_of_another_kind_is_not_sent() -> None:
    received = Received()
    received.respond(200)
    received.respond(486)
    assert received.wire.sent == ["SIP/2.0 200 OK"]
