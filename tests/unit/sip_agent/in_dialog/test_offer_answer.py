"""Offer and answer: every pair of state and input, who is refused how, and which descriptions stand."""

import pytest
from tests.support.sip_calls import make_in_dialog

from shared.errors import LocalError
from sip_agent.core.in_dialog.offer_answer import TABLE, Input, OfferAnswer, State
from sip_agent.core.syntax.message import Request

HAPPEN = {
    Input.OFFER: lambda offers: offers.offer("sdp"),
    Input.OFFER_IN_RESPONSE: lambda offers: offers.offer_in_response("sdp"),
    Input.RECEIVE_OFFER: lambda offers: offers.receive_offer("sdp"),
    Input.ANSWER: lambda offers: offers.answer("sdp"),
    Input.RECEIVE_ANSWER: lambda offers: offers.receive_answer("sdp"),
    Input.DROP: lambda offers: offers.drop(),
}
OURS = {Input.OFFER, Input.OFFER_IN_RESPONSE, Input.ANSWER}
ENTER = {
    State.LOCAL_OFFER: Input.OFFER,
    State.RESPONSE_OFFER: Input.OFFER_IN_RESPONSE,
    State.REMOTE_OFFER: Input.RECEIVE_OFFER,
}


def in_state(state: State, chance: float = 0.0) -> OfferAnswer:
    offers = OfferAnswer(lambda: chance)
    if state in ENTER:
        HAPPEN[ENTER[state]](offers)
    assert offers.state is state
    return offers


def update() -> Request:
    return make_in_dialog("UPDATE", 9, "call-1", "far", "ours", "their offer")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given", Input)
def test_each_input_in_each_state_is_in_the_table_or_changes_nothing(state: State, given: Input) -> None:
    offers = in_state(state)
    row = TABLE.get((state, given))
    if row is None and given in OURS:
        with pytest.raises(LocalError):
            HAPPEN[given](offers)
    else:
        HAPPEN[given](offers)
    assert offers.state is (row[1] if row else state)
    assert offers.may_offer == (offers.state is State.STABLE)


def test_descriptions_stand_once_they_are_answered() -> None:
    offers = OfferAnswer(lambda: 0.0)
    offers.offer("offer 1")
    assert (offers.local, offers.remote) == ("", "")
    assert offers.receive_answer("answer 1")
    assert (offers.local, offers.remote) == ("offer 1", "answer 1")
    offers.receive_offer("offer 2")
    assert (offers.local, offers.remote) == ("offer 1", "answer 1")
    offers.answer("answer 2")
    assert (offers.local, offers.remote) == ("answer 2", "offer 2")
    offers.offer_in_response("offer 3")
    assert offers.receive_answer("answer 3")
    assert (offers.local, offers.remote) == ("offer 3", "answer 3")


def test_an_offer_that_is_dropped_leaves_what_stood() -> None:
    offers = OfferAnswer(lambda: 0.0)
    offers.offer("offer 1")
    offers.receive_answer("answer 1")
    for given in (Input.OFFER, Input.OFFER_IN_RESPONSE, Input.RECEIVE_OFFER):
        HAPPEN[given](offers)
        offers.drop()
        assert (offers.state, offers.local, offers.remote) == (State.STABLE, "offer 1", "answer 1")


@pytest.mark.parametrize("state", [State.LOCAL_OFFER, State.RESPONSE_OFFER])
def test_an_offer_that_crosses_ours_is_refused_with_491(state: State) -> None:
    response = in_state(state).refusal(update())
    assert response is not None and response.status == 491
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize(("chance", "wait"), [(0.0, "0"), (0.52, "5"), (0.999, "10")])
def test_a_second_offer_of_theirs_is_refused_with_a_random_time_to_wait(chance: float, wait: str) -> None:
    response = in_state(State.REMOTE_OFFER, chance).refusal(update())
    assert response is not None
    assert (response.status, response.headers.get("Retry-After")) == (500, wait)


def test_an_offer_in_a_stable_session_is_not_refused() -> None:
    assert in_state(State.STABLE).refusal(update()) is None
