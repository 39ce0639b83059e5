"""INVITE client transaction (RFC 3261 figure 5, RFC 6026)."""

from itertools import product

import pytest
from tests.support.sip_messages import BRANCH, TCP, UDP, RecordingWire, make_answer, make_request

from sip_agent.core.events import Flow, ResponseReceived, TimedOut, TransactionId, TransportFailed
from sip_agent.core.transaction.invite_client import Input, InviteClient, State

# What needs no answer: a retransmission that came too late, a timer of a state that is past.
IGNORED = {
    (State.CALLING, Input.TIMER_D),
    (State.CALLING, Input.TIMER_M),
    (State.CALLING, Input.TIMER_CANCEL),
    (State.PROCEEDING, Input.TIMER_A),
    (State.PROCEEDING, Input.TIMER_B),
    (State.PROCEEDING, Input.TIMER_D),
    (State.PROCEEDING, Input.TIMER_M),
    # The server may answer by a connection of its own (§18.2.2).
    (State.PROCEEDING, Input.TRANSPORT_ERROR),
    *product(
        [State.COMPLETED],
        set(Input) - {Input.FAILURE, Input.TIMER_D, Input.TRANSPORT_ERROR},
    ),
    *product([State.ACCEPTED], set(Input) - {Input.SUCCESS, Input.TIMER_M}),
    *product([State.TERMINATED], Input),
}


def test_every_pair_is_a_step_or_ignored_on_purpose() -> None:
    assert set(InviteClient.table) | IGNORED == set(product(State, Input))
    assert not set(InviteClient.table) & IGNORED


class Sent:
    """An INVITE on its way."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.wire = RecordingWire()
        self.id = TransactionId(BRANCH, "INVITE")
        self.request = make_request()
        self.machine = InviteClient(self.id, self.request, flow, self.wire)
        self.machine.start(0.0)

    def receive(self, status: int, now: float = 1.0, tag: str = "b1") -> None:
        self.machine.receive(make_answer(self.request, status, tag), now)

    @property
    def statuses(self) -> list[int]:
        return [item.response.status for item in self.wire.outputs if isinstance(item, ResponseReceived)]


def test_timer_a_doubles_without_bound_over_udp() -> None:
    sent = Sent()
    assert sent.wire.take_armed() == [("TIMER_A", 0.5), ("TIMER_B", 32.0)]
    ends = []
    for _ in range(6):
        sent.machine.fire(Input.TIMER_A, ends[-1] if ends else 0.5)
        ends.append(sent.wire.take_armed()[0][1])
    assert ends == [1.5, 3.5, 7.5, 15.5, 31.5, 63.5]
    assert sent.wire.resent == ["INVITE sip:bob@example.com SIP/2.0"] * 6


def test_nothing_is_retransmitted_over_tcp() -> None:
    sent = Sent(TCP)
    assert sent.wire.take_armed() == [("TIMER_B", 32.0)]


def test_timer_a_is_over_once_something_came() -> None:
    sent = Sent()
    sent.receive(100)
    sent.machine.fire(Input.TIMER_A, 0.5)
    assert sent.wire.resent == [] and sent.statuses == [100]


def test_timer_b_ends_a_call_that_nobody_answers() -> None:
    sent = Sent()
    sent.machine.fire(Input.TIMER_B, 32)
    assert sent.wire.outputs == [TimedOut(sent.id, sent.request)] and sent.machine.ended


def test_timer_b_does_not_end_a_call_that_rings() -> None:
    sent = Sent()
    sent.receive(180)
    sent.machine.fire(Input.TIMER_B, 32)
    assert not sent.machine.ended and sent.statuses == [180]


def test_a_failure_is_acknowledged_each_time_it_comes_and_told_once() -> None:
    sent = Sent()
    sent.wire.take_armed()
    for _ in range(3):
        sent.receive(486)
    assert sent.wire.sent[1:] == ["ACK sip:bob@example.com SIP/2.0"]
    assert sent.wire.resent == ["ACK sip:bob@example.com SIP/2.0"] * 2
    assert sent.statuses == [486] and sent.wire.take_armed() == [("TIMER_D", 33.0)]
    sent.machine.fire(Input.TIMER_D, 33)
    assert sent.machine.ended


def test_timer_d_is_zero_over_tcp() -> None:
    sent = Sent(TCP)
    sent.wire.take_armed()
    sent.receive(486)
    assert sent.wire.take_armed() == [("TIMER_D", 1.0)]


def test_every_2xx_reaches_the_user_until_timer_m() -> None:
    sent = Sent()
    sent.wire.take_armed()
    sent.receive(200, tag="one")
    sent.receive(200, tag="two")
    sent.receive(180, tag="three")
    assert sent.statuses == [200, 200] and sent.wire.sent[1:] == []
    assert sent.wire.take_armed() == [("TIMER_M", 33.0)]
    sent.machine.fire(Input.TIMER_M, 33)
    assert sent.machine.ended


def test_a_transport_error_is_told() -> None:
    sent = Sent()
    sent.machine.fail("refused", 0.1)
    assert sent.wire.outputs == [TransportFailed(sent.id, sent.request, "refused")] and sent.machine.ended


def test_a_cancel_waits_for_the_first_provisional_response() -> None:
    sent = Sent()
    sent.machine.fire(Input.CANCEL, 0.1)
    assert sent.wire.cancels == []
    sent.receive(180)
    assert [cancel.start_line for cancel in sent.wire.cancels] == ["CANCEL sip:bob@example.com SIP/2.0"]


def test_a_cancel_goes_out_at_once_when_it_rings_and_only_once() -> None:
    sent = Sent()
    sent.receive(180)
    sent.machine.fire(Input.CANCEL, 2)
    sent.machine.fire(Input.CANCEL, 3)
    assert len(sent.wire.cancels) == 1
    assert sent.wire.armed[-1] == ("TIMER_CANCEL", 34.0)


def test_a_cancelled_call_without_a_final_response_is_given_up() -> None:
    sent = Sent()
    sent.receive(180)
    sent.machine.fire(Input.CANCEL, 2)
    sent.machine.fire(Input.TIMER_CANCEL, 34)
    assert sent.wire.outputs[-1] == TimedOut(sent.id, sent.request) and sent.machine.ended


@pytest.mark.parametrize("status", [200, 486])
def test_an_answered_call_cannot_be_cancelled(status: int) -> None:
    sent = Sent()
    sent.machine.fire(Input.CANCEL, 0.1)
    sent.receive(status)
    sent.machine.fire(Input.CANCEL, 2)
    assert sent.wire.cancels == []
