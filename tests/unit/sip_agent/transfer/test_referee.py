"""We are transferred: the answer to REFER, and the NOTIFYs that follow."""

from collections.abc import Iterable

import pytest
from tests.support.sip_calls import (
    CONTACT,
    make_identity,
    make_in_dialog,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import Referred, SendRequest
from sip_agent.core.call.rules import CallRules
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.transfer.referee import TABLE, Input, Referee, State
from sip_agent.core.transfer.referral import Referral

CAROL = "<sip:carol@example.com>"


class Transferee:
    """An established call whose far side wants us to call Carol."""

    def __init__(self, accept_transfers: bool = True) -> None:
        facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", "sip:bob@example.com", 0.0)
        rules = CallRules(ring_seconds=60.0, accept_transfers=accept_transfers)
        self.call = OutgoingCall(facts, make_identity(), rules, "ours", "call-id-1")
        self.call.start("sip:bob@example.com", "our offer", [], 0.0)
        self.invite = request_of(self.call.take_output())
        self._cseq = 7
        self._notifies = 0

    @property
    def referee(self) -> Referee:
        return self.call.usages.referee

    def establish(self) -> "Transferee":
        self.call.receive_response("invite", make_reply(self.invite, 200, sdp="answer"), 1.0)
        self.call.media_answered("answer", "for the browser", 1.0)
        self.call.take_output()
        return self

    def receive(self, method: str, headers: Iterable[tuple[str, str]] = (), at: float = 2.0) -> None:
        self._cseq += 1
        request = make_in_dialog(method, self._cseq, "call-id-1", "far", "ours", headers=list(headers))
        self.call.receive_request(transaction(method), request, at)

    def refer(self, *headers: tuple[str, str]) -> "Transferee":
        self.receive("REFER", [("Refer-To", CAROL), *headers])
        return self

    def notify(self, status: int = 200, at: float = 2.0) -> Request:
        """Answer the NOTIFY that is sent; return it."""
        request = request_of(self.call.take_output())
        self._notifies += 1
        self.call.receive_response(f"own {self._notifies}", make_reply(request, status), at)
        return request

    def referred(self) -> "Transferee":
        self.establish().refer()
        self.notify()
        return self


def test_a_refer_is_accepted_and_somebody_is_to_be_called() -> None:
    side = Transferee().establish().refer(("Referred-By", "<sip:bob@example.com>"))
    outputs = side.call.take_output()
    assert told(outputs) == ["respond 202", "NOTIFY as own 1", "Referred"]
    assert str(response_of(outputs).contacts[0].uri) == CONTACT
    expected = Referral(SipUri.parse("sip:carol@example.com"), None, "<sip:bob@example.com>")
    assert outputs[-1] == Referred(expected)
    notify = request_of(outputs)
    assert notify.body == b"SIP/2.0 100 Trying\r\n"
    assert (notify.headers.get("Event"), notify.headers.get("Subscription-State")) == ("refer", "active;expires=120")
    assert notify.content_type == "message/sipfrag"


def test_progress_is_told_once_a_second_the_latest_only() -> None:
    side = Transferee().referred()
    side.referee.progressed(180, "Ringing", 2.1)
    side.referee.progressed(183, "Session Progress", 2.2)
    assert side.call.take_output() == []
    assert side.call.next_timer() == 3.0
    side.call.handle_timer(3.0)
    assert side.notify().body == b"SIP/2.0 183 Session Progress\r\n"
    side.referee.progressed(183, "Session Progress", 9.0)
    side.referee.progressed(100, "Trying", 9.1)
    assert side.call.take_output() == []


def test_success_is_told_at_once_and_the_far_side_is_left_to_hang_up() -> None:
    side = Transferee().referred()
    side.referee.progressed(180, "Ringing", 2.1)
    side.referee.succeeded(2.2)
    notify = side.notify()
    assert notify.body == b"SIP/2.0 200 OK\r\n"
    assert notify.headers.get("Subscription-State") == "terminated;reason=noresource"
    side.receive("BYE", at=3.0)
    assert told(side.call.take_output())[0] == "respond 200"
    assert side.call.next_timer() is None


def test_a_far_side_that_does_not_hang_up_is_hung_up() -> None:
    side = Transferee().referred()
    side.referee.succeeded(2.2)
    side.notify()
    due = side.call.next_timer()
    assert due == pytest.approx(34.2)
    side.call.handle_timer(due or 0.0)
    assert "BYE as bye" in told(side.call.take_output())


def test_failure_is_told_and_another_refer_may_come_with_a_subscription_of_its_own() -> None:
    side = Transferee().referred()
    side.referee.failed(486, "Busy Here", 2.2)
    assert side.notify().body == b"SIP/2.0 486 Busy Here\r\n"
    assert side.call.next_timer() is None
    side.refer()
    assert side.notify().headers.get("Event") == "refer;id=9"


def test_a_second_refer_waits_for_the_first() -> None:
    side = Transferee().referred().refer()
    assert response_of(side.call.take_output()).status == 491


def test_a_refer_that_wants_no_reports_gets_none() -> None:
    side = Transferee().establish().refer(("Refer-Sub", "false"), ("Require", "norefersub"))
    outputs = side.call.take_output()
    assert told(outputs) == ["respond 202", "Referred"]
    assert response_of(outputs).headers.get("Refer-Sub") == "false"
    side.referee.succeeded(2.2)
    assert side.call.take_output() == []


def test_whoever_refuses_a_notify_gets_no_more() -> None:
    side = Transferee().establish().refer()
    side.notify(481)
    side.referee.succeeded(2.2)
    assert [output for output in side.call.take_output() if isinstance(output, SendRequest)] == []


@pytest.mark.parametrize("is_established", [True, False])
def test_a_transfer_that_is_not_wanted_is_declined(is_established: bool) -> None:
    side = Transferee(accept_transfers=not is_established)
    if is_established:
        side.establish()
    else:
        side.call.receive_response("invite", make_reply(side.invite, 180), 1.0)
        side.call.take_output()
    side.refer()
    assert response_of(side.call.take_output()).status == 603


def test_a_dialog_that_is_over_is_told_nothing() -> None:
    side = Transferee().referred()
    side.receive("BYE", at=3.0)
    side.call.take_output()
    side.referee.failed(486, "Busy Here", 4.0)
    assert side.call.take_output() == []


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given", Input)
def test_the_new_call_matters_only_while_it_is_made(state: State, given: Input) -> None:
    if given in (Input.PROGRESS, Input.SUCCESS, Input.FAILURE):
        assert ((state, given) in TABLE) == (state is State.CALLING)
