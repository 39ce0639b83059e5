"""Reliable provisional responses: the callee, by table and against the clock. `test_forking` has the caller."""

import pytest
from tests.support.sip_calls import make_in_dialog, make_invite, told, transaction

from sip_agent.core.call.outputs import CallOutput, Respond
from sip_agent.core.call.reliable import TABLE, Input, ReliableResponses, State
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.transaction.timers import Timers


def ring() -> Response:
    return make_response(make_invite(), 180, None, "ours")


def make() -> tuple[ReliableResponses, list[CallOutput]]:
    out: list[CallOutput] = []
    return ReliableResponses(out, transaction("invite"), 7, Timers()), out


def prack(rack: str) -> Request:
    return make_in_dialog("PRACK", 8, "far-call", "far", "ours", headers=[("RAck", rack)])


def test_a_response_is_sent_with_its_number_and_says_that_it_waits() -> None:
    reliable, out = make()
    reliable.send(ring(), 0.0)
    (sent,) = out
    assert isinstance(sent, Respond)
    assert (sent.response.headers.get("Require"), sent.response.headers.get("RSeq")) == ("100rel", "1")


def test_it_is_sent_again_doubling_without_limit_until_it_is_given_up() -> None:
    reliable, out = make()
    reliable.send(ring(), 0.0)
    times = []
    while reliable.state is State.UNACKNOWLEDGED:
        due = reliable.next_timer()
        assert due is not None
        out.clear()
        if reliable.handle_timer(due):
            times.append(("gives up", due))
        elif out:
            times.append(("again", due))
    again = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert times == [("again", at) for at in again] + [("gives up", 32.0)]
    assert (reliable.state, reliable.next_timer()) == (State.FAILED, None)


def test_its_prack_ends_that_and_lets_the_next_one_out() -> None:
    reliable, out = make()
    reliable.send(ring(), 0.0)
    reliable.send(ring(), 0.1)
    assert told(out) == ["respond 180"]
    assert reliable.receive_prack(prack("1  7\tINVITE"), 0.2)
    assert reliable.next_timer() is None
    reliable.send(ring(), 0.3)
    assert (reliable.rseq, told(out)) == (2, ["respond 180", "respond 180"])


@pytest.mark.parametrize("rack", ["", "2 7 INVITE", "1 8 INVITE", "1 7 UPDATE", "1 7 invite", "1 7 INVITE more"])
def test_a_prack_of_anything_else_matches_nothing(rack: str) -> None:
    reliable, _ = make()
    reliable.send(ring(), 0.0)
    assert not reliable.receive_prack(prack(rack), 0.1)
    assert reliable.state is State.UNACKNOWLEDGED


def test_a_prack_is_taken_once() -> None:
    reliable, _ = make()
    assert not reliable.receive_prack(prack("0 7 INVITE"), 0.0)
    reliable.send(ring(), 0.0)
    assert [reliable.receive_prack(prack("1 7 INVITE"), 0.1) for _ in range(2)] == [True, False]


def test_after_the_final_response_nothing_is_repeated_or_begun_but_the_prack_is_still_taken() -> None:
    reliable, out = make()
    reliable.send(ring(), 0.0)
    reliable.final(0.1)
    out.clear()
    reliable.handle_timer(10.0)
    reliable.send(ring(), 10.0)
    assert (out, reliable.next_timer()) == ([], None)
    assert reliable.receive_prack(prack("1 7 INVITE"), 11.0)


def test_every_state_and_input_is_in_the_table_or_means_nothing() -> None:
    for state in State:
        for given in Input:
            out: list[CallOutput] = []
            reliable = ReliableResponses(out, transaction("invite"), 7, Timers())
            reliable.restore(1, state)
            facts = (ring(), 0.0) if given is Input.SEND else (0.0,)
            assert reliable._machine.step(reliable, given, *facts) is ((state, given) in TABLE)
            if (state, given) not in TABLE:
                assert (reliable.state, out) == (state, [])
