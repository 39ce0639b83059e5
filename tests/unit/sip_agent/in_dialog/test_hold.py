"""Who holds: the far side's offers and answers as the relay reads them, told when that changes."""

from tests.support.sip_calls import (
    make_identity,
    make_in_dialog,
    make_invite,
    make_reply,
    request_of,
    told,
    transaction,
)

from sip_agent.core.call.call import CallFacts
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outputs import Established, HoldChanged, SaveCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.syntax.message import Request


def established(is_held: bool = False) -> IncomingCall:
    facts = CallFacts("c-1", "s-1", "incoming", "sip:bob@example.com", "sip:alice@example.com", 0.0)
    call = IncomingCall(facts, make_identity(), CallRules(), "ours", transaction("invite"), make_invite())
    call.start(0.0)
    call.accepted("browser offer", 0.1)
    call.answer("browser answer", 0.5)
    call.media_answered("answer_browser", "our answer", 1.0, is_held)
    call.take_output()
    return call


def from_far(method: str, cseq: int, sdp: str = "") -> Request:
    return make_in_dialog(method, cseq, "far-call", "far", "ours", sdp)


def confirmed() -> IncomingCall:
    call = established()
    call.receive_ack(from_far("ACK", 7), 1.1)
    call.take_output()
    return call


def test_the_far_side_holds_and_takes_back() -> None:
    call = confirmed()
    call.receive_request(transaction("up"), from_far("UPDATE", 8, "sendonly"), 5.0)
    call.media_answered("offer", "recvonly", 5.1, True)
    assert told(call.take_output()) == ["ask offer: sendonly", "SaveCall", "respond 200", "HoldChanged"]
    assert (call.local_hold, call.remote_hold) == (False, True)
    call.receive_request(transaction("up2"), from_far("UPDATE", 9, "sendrecv"), 6.0)
    call.media_answered("offer", "sendrecv", 6.1, False)
    assert call.take_output()[-1] == HoldChanged(False, False)


def test_what_does_not_change_is_not_told() -> None:
    call = confirmed()
    for cseq in (8, 9):
        call.receive_request(transaction(f"up{cseq}"), from_far("UPDATE", cseq, "sendonly"), 5.0)
        call.media_answered("offer", "recvonly", 5.1, True)
    changes = [output for output in call.take_output() if isinstance(output, HoldChanged)]
    assert changes == [HoldChanged(False, True)]


def test_an_offer_that_is_refused_holds_nobody() -> None:
    call = confirmed()
    call.receive_request(transaction("up"), from_far("UPDATE", 8, "nonsense"), 5.0)
    call.media_refused("offer", 488, "Bad SDP", 5.1)
    assert told(call.take_output()) == ["ask offer: nonsense", "respond 488"]
    assert not call.remote_hold


def test_a_call_that_begins_on_hold_says_so_once_it_is_established() -> None:
    call = established(is_held=True)
    assert call.take_output() == []
    call.receive_ack(from_far("ACK", 7), 1.1)
    outputs = call.take_output()
    assert [output for output in outputs if isinstance(output, Established | HoldChanged)] == [
        Established(None),
        HoldChanged(False, True),
    ]


def test_both_sides_hold() -> None:
    call = confirmed()
    call.receive_request(transaction("up"), from_far("UPDATE", 8, "sendonly"), 5.0)
    call.media_answered("offer", "recvonly", 5.1, True)
    call.hold(True, 6.0)
    call.media_answered("our_offer", "sendonly", 6.1)
    invite = request_of(call.take_output())
    call.receive_response("INVITE 1", make_reply(invite, 200, sdp="inactive"), 6.2)
    call.take_output()
    call.media_answered("their_answer", "", 6.3, True)
    assert call.take_output() == [SaveCall(), HoldChanged(True, True)]
