"""A call's media comes by another relay: which pages are told, and when."""

import pytest
from tests.unit.signaling.test_call_use import ABOUT, CALL, RESUME, WELCOME, ask, call, frames, resumed

from shared.errors import RemoteError
from shared.messages import ReanchorMedia, SessionSnapshot
from shared.messages.account import CallState
from signaling.core.session import Session
from signaling.core.wcs import Wcs

OFFER = "v=0\r\no=offer\r\n"
COMMAND = ReanchorMedia(id="i", expires_at=0.0, **ABOUT, browser_sdp=OFFER)


def refusal(session: Session) -> int:
    """Return the status that the agent is told."""
    with pytest.raises(RemoteError) as refused:
        session.reanchor(COMMAND)
    assert frames(session) == []
    return refused.value.status


@pytest.mark.parametrize("state", ["incoming", "established"])
def test_a_page_whose_call_rings_or_is_established_gets_the_offer(state: CallState) -> None:
    session = resumed(call(state=state))
    session.reanchor(COMMAND)
    assert frames(session) == [{"type": "call.reanchor", "seq": 1, "call": CALL, "sdp": OFFER}]


def test_its_answer_goes_to_the_agent_as_that_to_a_renewal() -> None:
    session = resumed(call())
    session.reanchor(COMMAND)
    session.take_output()
    ask(session, "answer", call=CALL, sdp="v=0\r\n")
    assert [type(output).__name__ for output in session.take_output()] == ["Received", "AnswerRenewal"]


@pytest.mark.parametrize("state", ["trying", "ringing", "early"])
def test_who_is_not_through_is_not_told(state: CallState) -> None:
    assert refusal(resumed(call(state=state))) == 491


def test_nor_is_one_that_does_not_know_the_call_or_is_not_there_yet() -> None:
    assert refusal(resumed()) == 491
    assert refusal(Session(0.0, 10.0, lambda: "n" * 32)) == 480


def test_a_page_that_resumes_finds_the_offer() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "resume", "1", **RESUME)
    session.resumed(WELCOME, SessionSnapshot(registration="registered", calls=(call(offer=OFFER),)), 0.0)
    assert frames(session)[0]["calls"][0]["offer"] == OFFER


def test_a_page_in_the_language_of_wcs_cannot() -> None:
    assert not Wcs(lambda: "n").renegotiates
    session = resumed(call())
    session._outbox.dialect = Wcs(lambda: "n")
    assert refusal(session) == 501
