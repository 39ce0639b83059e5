"""Who is dead, by what is heard, asked and answered: each row of the table, with a clock of the test's own."""

import pytest

from sip_agent.core.takeover.failure_detector import (
    TABLE,
    AskHost,
    AskLease,
    AskSubject,
    Died,
    FailureDetector,
    Incarnation,
    Input,
    State,
)

D = 12.0
A = Incarnation("agent-1", "i-1", "192.0.2.1:5060")
ANEW = Incarnation("agent-1", "i-2", "192.0.2.1:5060")


def heard(is_askable: bool = True) -> FailureDetector:
    """A detector that has heard A at 0.0, and what its host does while it lives."""
    detector = FailureDetector(D)
    detector.hear(A, 0.0)
    assert detector.take_output() == [AskHost(A)]
    if is_askable:
        detector.taken(A)
    return detector


def suspected(is_askable: bool = True) -> FailureDetector:
    detector = heard(is_askable)
    detector.look(1.0)
    assert detector.take_output() == [AskSubject(A)]
    return detector


def unreachable(is_askable: bool = True) -> FailureDetector:
    detector = suspected(is_askable)
    detector.nobody(A)
    assert detector.take_output() == ([AskHost(A)] if is_askable else [])
    return detector


def state(detector: FailureDetector) -> State | None:
    return detector.state("agent-1", "i-1")


def test_an_agent_that_is_heard_is_asked_nothing() -> None:
    detector = heard()
    for now in (0.25, 0.5, 0.75, 1.0, 1.25):
        detector.hear(A, now)
        detector.look(now)
    detector.look(2.2)
    assert (state(detector), detector.take_output()) == (State.LIVE, [])


def test_a_host_that_did_not_take_a_connection_is_asked_again_while_its_agent_is_heard_ever_more_seldom() -> None:
    detector = heard(is_askable=False)
    asked = []
    for quarter in range(1, 1000):
        detector.hear(A, quarter / 4)
        if detector.take_output() == [AskHost(A)]:
            asked.append(quarter / 4)
    assert asked == [1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 127.0, 191.0]


def test_a_host_that_took_a_connection_at_last_is_asked_no_more_and_its_refusal_counts() -> None:
    detector = heard(is_askable=False)
    detector.hear(A, 1.0)
    assert detector.take_output() == [AskHost(A)]
    detector.taken(A)
    detector.hear(A, 3.0)
    detector.look(4.0)
    detector.nobody(A)
    assert detector.take_output() == [AskSubject(A), AskHost(A)]
    detector.refused(A)
    assert detector.take_output() == [Died(A, Input.REFUSED)]


def test_a_second_of_silence_makes_suspect_and_is_asked_about_twice_a_second() -> None:
    detector = suspected()
    detector.look(1.25)
    assert (state(detector), detector.take_output()) == (State.SUSPECTED, [])
    detector.look(1.5)
    assert detector.take_output() == [AskSubject(A)]


@pytest.mark.parametrize("detector", [suspected(), unreachable()])
@pytest.mark.parametrize("sign", ["heartbeat", "answer"])
def test_any_sign_of_life_clears_it(detector: FailureDetector, sign: str) -> None:
    detector.hear(A, 1.6) if sign == "heartbeat" else detector.answered(A, 1.6)
    assert state(detector) is State.LIVE
    detector.look(2.5)
    assert detector.take_output() == []


def test_nobody_on_its_subject_and_a_host_that_refuses_are_its_death() -> None:
    detector = unreachable()
    detector.refused(A)
    assert detector.take_output() == [Died(A, Input.REFUSED)]
    assert state(detector) is State.DEAD
    detector.look(30.0)
    assert detector.take_output() == []


def test_a_refusal_alone_is_not() -> None:
    detector = suspected()
    detector.refused(A)
    assert (state(detector), detector.take_output()) == (State.SUSPECTED, [])


def test_a_host_that_never_took_a_connection_is_not_asked_for_one() -> None:
    detector = unreachable(is_askable=False)
    detector.look(2.0)
    assert detector.take_output() == [AskSubject(A)]


def test_a_host_is_asked_again_while_nobody_answers() -> None:
    detector = unreachable()
    detector.look(2.0)
    assert detector.take_output() == [AskSubject(A), AskHost(A)]


@pytest.mark.parametrize("make", [suspected, unreachable])
def test_without_proof_its_lease_is_waited_for(make: type[FailureDetector]) -> None:
    detector = make()
    detector.look(D - 0.1)
    assert AskLease(A) not in detector.take_output()
    detector.leaseless(A, D - 0.1)
    assert state(detector) is not State.DEAD
    detector.look(D + 0.5)
    assert AskLease(A) in detector.take_output()
    detector.leaseless(A, D + 0.5)
    assert detector.take_output() == [Died(A, Input.ENDED)]


@pytest.mark.parametrize("make", [heard, suspected, unreachable])
def test_another_incarnation_of_its_pod_is_its_death(make: type[FailureDetector]) -> None:
    detector = make()
    detector.hear(ANEW, 1.6)
    assert detector.take_output() == [Died(A, Input.REPLACED), AskHost(ANEW)]
    assert (state(detector), detector.state("agent-1", "i-2")) == (State.DEAD, State.LIVE)
    detector.hear(A, 1.7)  # a last word that comes late
    assert (detector.take_output(), detector.state("agent-1", "i-2")) == ([], State.LIVE)


def test_one_that_was_taken_for_dead_and_is_heard_again_lives() -> None:
    detector = unreachable()
    detector.refused(A)
    detector.hear(A, 20.0)
    assert state(detector) is State.LIVE


def test_what_we_could_not_hear_does_not_count() -> None:
    detector = suspected()
    detector.deaf(11.0)
    assert state(detector) is State.LIVE
    detector.look(11.9)
    assert detector.take_output() == []
    detector.look(12.0)
    assert detector.take_output() == [AskSubject(A)]


def test_one_of_whom_only_a_record_tells_is_suspected_from_then_on() -> None:
    detector = FailureDetector(D)
    detector.suspect(A, 5.0)
    assert state(detector) is State.SUSPECTED
    detector.look(5.5)
    assert detector.take_output() == [AskSubject(A)]
    detector.suspect(A, 9.0)
    detector.leaseless(A, 5.0 + D)
    assert detector.take_output() == [Died(A, Input.ENDED)]


def test_a_dead_one_is_forgotten_when_nothing_of_it_is_left_and_a_live_one_is_not() -> None:
    detector = unreachable()
    detector.forget(A)
    assert state(detector) is State.UNREACHABLE
    detector.refused(A)
    detector.forget(A)
    assert state(detector) is None


def test_answers_about_a_former_life_change_nothing() -> None:
    detector = heard()
    detector.hear(ANEW, 0.5)
    detector.take_output()
    for tell in (detector.nobody, detector.refused, detector.taken):
        tell(A)
    detector.leaseless(A, 100.0)
    assert (detector.take_output(), detector.state("agent-1", "i-2")) == ([], State.LIVE)


def test_every_death_is_told_and_nothing_else_is() -> None:
    buried = {given for (_, given), (action, _) in TABLE.items() if action.__name__ == "_bury"}
    assert buried == {Input.REFUSED, Input.ENDED, Input.REPLACED}
    assert all(to is State.DEAD for (_, given), (_, to) in TABLE.items() if given in buried)
