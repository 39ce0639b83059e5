"""Calls that are sent elsewhere: which targets there are, and what is sent to them."""

import pytest
from tests.support.sip_calls import CHALLENGE, make_identity, make_reply, request_of, told

from sip_agent.core.call.facts import CallFacts, State
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import CallOutput, SendRequest
from sip_agent.core.call.redirection import MAX_TARGETS, Targets
from sip_agent.core.call.rules import CallRules
from sip_agent.core.syntax.message import Request, Response

TARGET = "sip:bob@example.com"
REFUSED = [("Proxy-Authenticate", CHALLENGE)]


def started(rules: CallRules | None = None) -> tuple[OutgoingCall, Request]:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0, is_private=True)
    call = OutgoingCall(facts, make_identity(), rules or CallRules(60.0), "ours", "call-id-1")
    call.start(TARGET, "our offer", [("X-Ticket", "7")], 0.0)
    return call, request_of(call.take_output())


def redirect(invite: Request, *contacts: str, status: int = 302) -> Response:
    response = make_reply(invite, status)
    response.headers.remove("Contact")
    for contact in contacts:
        response.headers.add("Contact", contact)
    return response


def hop_of(outputs: list[CallOutput]) -> str:
    (hop,) = [str(output.hop) for output in outputs if isinstance(output, SendRequest)]
    return hop


def targets(*contacts: str) -> list[str]:
    found = Targets()
    found.start(TARGET)
    invite = Request("INVITE", TARGET, [("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>"), ("CSeq", "1 INVITE")])
    found.redirected(redirect(invite, *contacts))
    return found.waiting


@pytest.mark.parametrize(
    ("contacts", "expected"),
    [
        (["<sip:low@x>;q=0.1", "<sip:none@x>", "<sip:mid@x>;q=0.5"], ["sip:none@x", "sip:mid@x", "sip:low@x"]),
        (["<sip:one@x>;q=0.5, <sip:two@x>;q=0.5"], ["sip:one@x", "sip:two@x"]),
        (["<tel:+1234>", "<https://x/>", "<sips:safe@x>"], ["sips:safe@x"]),
        (["<sip:a@x;method=BYE?Replaces=1>"], ["sip:a@x"]),
        (["<sip:bob@EXAMPLE.com>", "<sip:new@x>", "<sip:new@x>"], ["sip:new@x"]),
        (["<sip:bad@x>;q=nan", "<sip:good@x>;q=0.1"], ["sip:good@x", "sip:bad@x"]),
        (["<sip:bad@x>;q=2", "<sip:odd@x>;q=1e-1", "<sip:good@x>;q=0.1"], ["sip:good@x", "sip:bad@x", "sip:odd@x"]),
        (["no address"], []),
        (["*"], []),
    ],
)
def test_the_contacts_are_tried_by_q_and_none_twice(contacts: list[str], expected: list[str]) -> None:
    assert targets(*contacts) == expected


def test_there_is_an_end_to_them() -> None:
    assert len(targets(*[f"<sip:{number}@x>" for number in range(100)])) == MAX_TARGETS


def test_the_next_invite_is_the_same_call_elsewhere() -> None:
    call, invite = started()
    call.receive_response("invite", redirect(invite, "<sip:bob@mobile.example.net>"), 0.1)
    outputs = call.take_output()
    assert told(outputs) == ["SaveCall", "INVITE as invite"]
    again = request_of(outputs)
    assert (again.uri, again.cseq, hop_of(outputs)) == (
        "sip:bob@mobile.example.net",
        (2, "INVITE"),
        "sip:bob@mobile.example.net",
    )
    for name in ("To", "From", "Call-ID", "X-Ticket"):
        assert again.headers.get(name) == invite.headers.get(name)
    assert again.body == invite.body


def test_the_early_dialogs_of_the_first_target_are_over() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, "one", "early"), 0.1)
    call.media_answered("early", "for the browser", 0.1)
    call.receive_response("invite", redirect(invite, "<sip:bob@mobile.example.net>"), 0.2)
    again = request_of(call.take_output())
    call.receive_response("invite", make_reply(again, 200, "one"), 0.3)
    assert "ended 488 Answer Without SDP by system" in told(call.take_output())


def test_credentials_and_the_private_name_stay_between_the_account_and_its_servers() -> None:
    call, invite = started()
    assert "P-Preferred-Identity" in invite.headers
    call.receive_response("invite", make_reply(invite, 407, headers=REFUSED), 0.1)
    invite = request_of(call.take_output())
    assert "Proxy-Authorization" in invite.headers
    call.receive_response("invite", redirect(invite, "<sip:bob@mobile.example.net>"), 0.2)
    again = request_of(call.take_output())
    assert "Proxy-Authorization" not in again.headers and "P-Preferred-Identity" not in again.headers


@pytest.mark.parametrize(
    ("contact", "rules", "hop"),
    [
        ("<sip:carol@example.com>", CallRules(), "None"),
        ("<sip:carol@example.net>", CallRules(has_outbound_proxy=True), "None"),
        ("<sip:carol@example.net>", CallRules(), "sip:carol@example.net"),
    ],
)
def test_own_servers_are_reached_as_ever(contact: str, rules: CallRules, hop: str) -> None:
    call, invite = started(rules)
    call.receive_response("invite", redirect(invite, contact), 0.2)
    assert hop_of(call.take_output()) == hop


def test_the_last_failure_is_the_one_that_is_told() -> None:
    call, invite = started()
    call.receive_response("invite", redirect(invite, "<sip:one@x>, <sip:two@x>"), 0.1)
    call.take_output()
    call.transaction_failed("invite", 403, "Destination Not Allowed", 0.2)
    second = request_of(call.take_output())
    assert (second.uri, second.cseq) == ("sip:two@x", (3, "INVITE"))
    call.receive_response("invite", make_reply(second, 486), 0.3)
    assert told(call.take_output()) == ["ended 486 Busy Here by remote", "Finished"]


def test_a_global_failure_ends_the_search() -> None:
    call, invite = started()
    call.receive_response("invite", redirect(invite, "<sip:one@x>, <sip:two@x>"), 0.1)
    call.receive_response("invite", make_reply(request_of(call.take_output()), 603), 0.2)
    assert told(call.take_output()) == ["ended 603 Decline by remote", "Finished"]


def test_those_who_redirect_each_other_come_to_an_end() -> None:
    call, invite = started()
    sent = 1
    while call.state is not State.ENDED:
        call.receive_response("invite", redirect(invite, f"<sip:{sent}@x>", "<sip:bob@example.com>"), 0.1)
        requests = [output.request for output in call.take_output() if isinstance(output, SendRequest)]
        sent, invite = sent + len(requests), (requests or [invite])[0]
    assert sent == 1 + MAX_TARGETS


@pytest.mark.parametrize(
    ("status", "rules"), [(302, CallRules(follow_redirects=False)), (380, CallRules()), (304, CallRules())]
)
def test_what_is_not_followed_is_told(status: int, rules: CallRules) -> None:
    call, invite = started(rules)
    call.receive_response("invite", redirect(invite, "<sip:one@x>", status=status), 0.1)
    assert told(call.take_output())[0].startswith(f"ended {status} ")


def test_a_cancelled_call_goes_nowhere_else() -> None:
    call, invite = started()
    call.hangup(0, "", 0.1)
    call.take_output()
    call.receive_response("invite", redirect(invite, "<sip:one@x>"), 0.2)
    assert told(call.take_output()) == ["Finished"]


def test_a_call_to_a_sips_uri_is_redirected_to_nothing_else() -> None:
    found = Targets()
    found.start("sips:bob@example.com")
    invite = Request("INVITE", TARGET, [("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>"), ("CSeq", "1 INVITE")])
    found.redirected(redirect(invite, "<sip:carol@example.com>", "<sips:dave@example.com>;q=0.5"))
    assert found.waiting == ["sips:dave@example.com"]
