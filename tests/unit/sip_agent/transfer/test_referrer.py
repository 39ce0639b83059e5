"""We transfer a call: REFER, what is told of it, and how our call ends."""

import pytest
from tests.support.sip_calls import (
    make_identity,
    make_in_dialog,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.call import State as CallState
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import ActionFailed, CallOutput, TransferProgressed
from sip_agent.core.call.rules import CallRules
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.transfer.referral import Referral
from sip_agent.core.transfer.referrer import TABLE, Input, Referrer, State
from sip_agent.core.transfer.sipfrag import write

CAROL = Referral(SipUri.parse("sip:carol@example.com"))


class Transferor:
    """An established call whose far side is to call Carol."""

    def __init__(self) -> None:
        facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", "sip:bob@example.com", 0.0)
        self.call = OutgoingCall(facts, make_identity(), CallRules(ring_seconds=60.0), "ours", "call-id-1")
        self.call.start("sip:bob@example.com", "our offer", [], 0.0)
        invite = request_of(self.call.take_output())
        self.call.receive_response("invite", make_reply(invite, 200, sdp="answer"), 1.0)
        self.call.media_answered("answer", "for the browser", 1.0)
        self.call.take_output()
        self._cseq = 7

    @property
    def referrer(self) -> Referrer:
        return self.call.usages.referrer

    def refer(self) -> Request:
        self.referrer.transfer(CAROL, 2.0)
        return request_of(self.call.take_output())

    def accepted(self) -> None:
        refer = self.refer()
        self.call.receive_response("own 1", make_reply(refer, 202), 2.1)
        assert self.call.take_output() == []

    def notify(self, status: int, reason: str = "So", state: str = "active;expires=60") -> list[CallOutput]:
        """Receive a NOTIFY; return what follows its 200."""
        self._cseq += 1
        headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag;version=2.0")]
        request = make_in_dialog("NOTIFY", self._cseq, "call-id-1", "far", "ours", headers=headers)
        request.body = write(status, reason) if status else b""
        self.call.receive_request(transaction("n"), request, 3.0)
        first, *others = self.call.take_output()
        assert told([first]) == ["respond 200"]
        return others


def test_the_far_side_is_asked_inside_the_dialog() -> None:
    refer = Transferor().refer()
    assert (refer.method, refer.to.tag) == ("REFER", "far")
    assert refer.headers.get("Refer-To") == "<sip:carol@example.com>"
    assert refer.headers.get("Referred-By") == "<sip:alice@example.com>"
    assert "Contact" in refer.headers


def test_progress_is_told_and_success_ends_our_call() -> None:
    side = Transferor()
    side.accepted()
    assert side.notify(100, "Trying") == [TransferProgressed(100, "Trying")]
    assert side.notify(100, "Trying") == []
    assert side.notify(180, "Ringing") == [TransferProgressed(180, "Ringing")]
    outputs = side.notify(200, "OK", "terminated;reason=noresource")
    assert outputs[0] == TransferProgressed(200, "OK")
    assert told(outputs[1:]) == ["ended 200 Transferred by local", "BYE as bye"]
    assert side.call.next_timer() is None


def test_a_notify_may_overtake_the_response_to_its_refer() -> None:
    side = Transferor()
    refer = side.refer()
    assert side.notify(100, "Trying") == [TransferProgressed(100, "Trying")]
    side.call.receive_response("own 1", make_reply(refer, 202), 2.1)
    assert side.referrer.state is State.WAITING


@pytest.mark.parametrize("status", [403, 501, 603])
def test_a_refer_that_is_refused_leaves_the_call(status: int) -> None:
    side = Transferor()
    side.call.receive_response("own 1", make_reply(side.refer(), status, reason="No"), 2.1)
    assert side.call.take_output() == [ActionFailed("transfer", status, "No")]
    assert (side.call.state, side.referrer.state) == (CallState.CONFIRMED, State.IDLE)
    assert side.call.next_timer() is None


def test_a_refer_without_response_ends_a_call_that_nobody_is_in() -> None:
    # RFC 5057 section 5.1: a far side that answers nothing has lost the call too.
    side = Transferor()
    side.refer()
    side.call.transaction_failed("own 1", 408, "Request Timeout", 34.0)
    outputs = side.call.take_output()
    assert outputs[0] == ActionFailed("transfer", 408, "Request Timeout")
    assert told(outputs)[1:] == ["ended 408 Request Timeout by system", "BYE as bye"]


def test_a_target_that_does_not_answer_leaves_the_call_and_another_try_may_be_made() -> None:
    side = Transferor()
    side.accepted()
    assert side.notify(486, "Busy Here", "terminated;reason=noresource") == [ActionFailed("transfer", 486, "Busy Here")]
    assert side.call.state is CallState.CONFIRMED
    assert side.notify(200) == []  # of the subscription that is over
    assert side.refer().cseq == (3, "REFER")


def test_a_subscription_that_ends_without_an_outcome_is_a_failure() -> None:
    side = Transferor()
    side.accepted()
    assert side.notify(0, state="terminated;reason=giveup") == [ActionFailed("transfer", 480, "Outcome Not Told")]


def test_a_notify_that_says_nothing_changes_nothing() -> None:
    side = Transferor()
    side.accepted()
    assert side.notify(0) == []
    assert side.referrer.state is State.WAITING


def test_a_far_side_that_tells_nothing_in_time_has_failed() -> None:
    side = Transferor()
    side.accepted()
    due = side.call.next_timer()
    assert due == 2.0 + 64.0
    side.call.handle_timer(due)
    assert side.call.take_output() == [ActionFailed("transfer", 408, "Outcome Not Told In Time")]
    assert side.call.state is CallState.CONFIRMED


def test_each_notify_gives_the_new_call_time_to_ring() -> None:
    side = Transferor()
    side.accepted()
    side.notify(180)
    assert side.call.next_timer() == 3.0 + 60.0 + 32.0


def test_a_far_side_that_hangs_up_after_it_accepted_has_been_transferred() -> None:
    side = Transferor()
    side.accepted()
    side.call.receive_request(transaction("b"), make_in_dialog("BYE", 9, "call-id-1", "far", "ours"), 4.0)
    assert told(side.call.take_output()) == ["respond 200", "ended 200 Transferred by remote", "Finished"]
    assert side.call.next_timer() is None


def test_a_far_side_that_hangs_up_before_has_just_hung_up() -> None:
    side = Transferor()
    side.refer()
    side.call.receive_request(transaction("b"), make_in_dialog("BYE", 9, "call-id-1", "far", "ours"), 4.0)
    assert "ended 200 Normal Call Clearing by remote" in told(side.call.take_output())


def test_a_far_side_that_will_not_tell_is_left_to_it() -> None:
    # RFC 4488: Refer-Sub: false in the response.
    side = Transferor()
    side.call.receive_response("own 1", make_reply(side.refer(), 202, headers=[("Refer-Sub", "false")]), 2.1)
    assert told(side.call.take_output())[1:] == ["ended 200 Transferred by local", "BYE as bye"]


def test_two_transfers_at_once_are_refused() -> None:
    side = Transferor()
    side.refer()
    with pytest.raises(SipError) as refused:
        side.referrer.transfer(CAROL, 3.0)
    assert refused.value.status == 491


def test_a_notify_that_nobody_asked_for_is_refused() -> None:
    side = Transferor()
    request = make_in_dialog("NOTIFY", 8, "call-id-1", "far", "ours", headers=[("Event", "refer")])
    side.call.receive_request(transaction("n"), request, 3.0)
    assert response_of(side.call.take_output()).status == 481


def test_a_notify_of_another_event_is_refused() -> None:
    side = Transferor()
    side.accepted()
    request = make_in_dialog("NOTIFY", 8, "call-id-1", "far", "ours", headers=[("Event", "presence")])
    side.call.receive_request(transaction("n"), request, 3.0)
    assert response_of(side.call.take_output()).status == 489


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given", Input)
def test_the_table_leaves_a_transfer_that_is_done_alone(state: State, given: Input) -> None:
    if state is State.DONE or (state is State.IDLE and given is not Input.TRANSFER):
        assert (state, given) not in TABLE
