"""What the far side is told when a call's media is at another relay."""

import pytest
from tests.support.sip_calls import make_reply, told
from tests.unit.sip_agent.in_dialog.test_modification import changes, established, holding, offered

from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import ReanchorRefused
from sip_agent.core.syntax.message import Request


def reanchoring(call: OutgoingCall, now: float = 5.0) -> tuple[str, Request]:
    """Tell the far side of another relay, until the re-INVITE is out; return its name and it."""
    call.reanchor(False, now)
    call.take_output()
    invite = offered(call, now)
    return f"INVITE {invite.cseq[0]}", invite


@pytest.mark.parametrize(("is_held", "direction"), [(False, "sendrecv"), (True, "sendonly")])
def test_another_relay_is_told_by_a_reinvite_which_holds_or_not_as_before(is_held: bool, direction: str) -> None:
    call = established()
    if is_held:
        ref, invite = holding(call)
        call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.1)
        call.media_answered("their_answer", "", 5.2)
        call.take_output()
    call.reanchor(False, 6.0)
    (question,) = call.take_output()
    assert (told([question]), getattr(question, "direction", "")) == (["ask our_offer: "], direction)
    invite = offered(call, 6.0)
    call.receive_response(f"INVITE {invite.cseq[0]}", make_reply(invite, 200, sdp="their answer"), 6.1)
    call.media_answered("their_answer", "", 6.2)
    assert changes(call.take_output()) == []
    assert call.local_hold is is_held


def test_it_goes_before_what_else_is_wanted_and_needs_no_second_one() -> None:
    call = established()
    call.hold(True, 5.0)
    call.hold(False, 5.0)
    call.reanchor(False, 5.0)
    call.reanchor(False, 5.0)
    call.take_output()
    ref, invite = f"INVITE {(hold := offered(call)).cseq[0]}", hold
    call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.1)
    call.media_answered("their_answer", "", 5.2)
    assert told(call.take_output())[-1] == "ask our_offer: "
    invite = offered(call)  # of the other relay, while the hold stands
    call.receive_response(f"INVITE {invite.cseq[0]}", make_reply(invite, 200, sdp="held"), 5.3)
    call.media_answered("their_answer", "", 5.4)
    question = call.take_output()[-1]
    assert getattr(question, "direction", "") == "sendrecv"  # the end of the hold comes after it


def test_a_far_side_that_refuses_it_is_told_of_and_a_relay_that_does_is_not() -> None:
    call = established()
    ref, invite = reanchoring(call)
    call.receive_response(ref, make_reply(invite, 488), 5.1)
    assert ReanchorRefused(488, "Not Acceptable Here") in call.take_output()
    call.reanchor(False, 6.0)
    call.take_output()
    call.media_refused("our_offer", 503, "Service Unavailable", 6.1)
    assert call.take_output() == []


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_second_relay_that_dies_before_the_far_side_has_come_is_followed_by_another_offer(is_answered: bool) -> None:
    call = established()
    ref, invite = reanchoring(call)
    for _ in range(2):  # once is enough
        if not is_answered:
            call.reanchor(False, 5.1)
    call.receive_response(ref, make_reply(invite, 200, sdp="their answer"), 5.2)
    if is_answered:
        call.reanchor(False, 5.3)
    call.media_refused("their_answer", 400, "That Side Has No Offer", 5.4)  # says the third one
    outputs = call.take_output()
    assert told(outputs)[-1] == "ask our_offer: "
    assert not [output for output in outputs if isinstance(output, ReanchorRefused)]
    invite = offered(call)
    call.receive_response(f"INVITE {invite.cseq[0]}", make_reply(invite, 200, sdp="their answer"), 5.5)
    call.media_answered("their_answer", "", 5.6)
    assert "ask our_offer: " not in told(call.take_output())


def test_an_exchange_of_the_far_side_makes_it_moot_also_while_it_waits() -> None:
    call = established()
    ref, invite = reanchoring(call)
    call.receive_response(ref, make_reply(invite, 491), 5.1)
    call.take_output()
    assert call.next_timer() is not None
    call.reanchor(True, 5.2)
    assert call.next_timer() is None
    call.reanchor(True, 5.3)  # nothing of it is left
    call.hold(True, 6.0)
    assert told(call.take_output()) == ["ask our_offer: "]
