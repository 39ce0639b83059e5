"""Client transaction for other requests (RFC 3261 figure 6)."""

from itertools import product

import pytest
from tests.support.sip_messages import BRANCH, TCP, UDP, RecordingWire, make_answer, make_request

from sip_agent.core.events import Flow, ResponseReceived, TimedOut, TransactionId, TransportFailed
from sip_agent.core.transaction.non_invite_client import Input, NonInviteClient, State

IGNORED = {
    (State.TRYING, Input.TIMER_K),
    (State.PROCEEDING, Input.TIMER_K),
    *product([State.COMPLETED], set(Input) - {Input.TIMER_K}),
    *product([State.TERMINATED], Input),
}


def test_every_pair_is_a_step_or_ignored_on_purpose() -> None:
    assert set(NonInviteClient.table) | IGNORED == set(product(State, Input))
    assert not set(NonInviteClient.table) & IGNORED


class Sent:
    """A request on its way."""

    def __init__(self, flow: Flow = UDP, silent: bool = False) -> None:
        self.wire = RecordingWire()
        self.id = TransactionId(BRANCH, "OPTIONS")
        self.request = make_request("OPTIONS")
        self.machine = NonInviteClient(self.id, self.request, flow, self.wire, silent)
        self.machine.start(0.0)

    def receive(self, status: int) -> None:
        self.machine.receive(make_answer(self.request, status), 1.0)

    def fire_e(self, times: int) -> list[float]:
        """Let timer E fire; the pauses it makes."""
        pauses = []
        for _ in range(times):
            self.wire.take_armed()
            self.machine.fire(Input.TIMER_E, 0.0)
            pauses += [at for _, at in self.wire.take_armed()]
        return pauses


def test_timer_e_doubles_up_to_t2_over_udp() -> None:
    sent = Sent()
    assert sent.wire.armed == [("TIMER_E", 0.5), ("TIMER_F", 32.0)]
    assert sent.fire_e(5) == [1.0, 2.0, 4.0, 4.0, 4.0]
    assert len(sent.wire.resent) == 5


def test_timer_e_is_t2_once_something_came() -> None:
    sent = Sent()
    sent.receive(100)
    assert sent.fire_e(2) == [4.0, 4.0] and len(sent.wire.resent) == 2


def test_nothing_is_retransmitted_over_tcp() -> None:
    assert Sent(TCP).wire.armed == [("TIMER_F", 32.0)]


@pytest.mark.parametrize("provisional", [False, True])
def test_timer_f_ends_it_with_or_without_a_provisional_response(provisional: bool) -> None:
    sent = Sent()
    if provisional:
        sent.receive(100)
    sent.machine.fire(Input.TIMER_F, 32)
    assert sent.wire.outputs[-1] == TimedOut(sent.id, sent.request) and sent.machine.ended


@pytest.mark.parametrize(("flow", "end"), [(UDP, 6.0), (TCP, 1.0)])
def test_copies_of_the_final_response_are_absorbed_until_timer_k(flow: Flow, end: float) -> None:
    sent = Sent(flow)
    sent.wire.take_armed()
    sent.receive(200)
    sent.receive(200)
    assert [type(item) for item in sent.wire.outputs] == [ResponseReceived]
    assert sent.wire.take_armed() == [("TIMER_K", end)]
    sent.machine.fire(Input.TIMER_K, end)
    assert sent.machine.ended


@pytest.mark.parametrize("provisional", [False, True])
def test_a_transport_error_is_told(provisional: bool) -> None:
    sent = Sent()
    if provisional:
        sent.receive(100)
    sent.machine.fail("reset", 2)
    assert sent.wire.outputs[-1] == TransportFailed(sent.id, sent.request, "reset") and sent.machine.ended


@pytest.mark.parametrize("end", ["response", "timer", "failure"])
def test_a_silent_one_tells_nothing(end: str) -> None:
    sent = Sent(silent=True)
    if end == "response":
        sent.receive(481)
    elif end == "timer":
        sent.machine.fire(Input.TIMER_F, 32)
    else:
        sent.machine.fail("reset", 1)
    assert sent.wire.outputs == [] and sent.machine.state is not State.TRYING
