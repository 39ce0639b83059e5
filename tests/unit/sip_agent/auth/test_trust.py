"""Whose challenges are answered."""

import pytest
from tests.support.sip_calls import CHALLENGE, make_identity, make_reply

from sip_agent.core.auth.credentials import MAX_CHALLENGES, answer
from sip_agent.core.auth.trust import may_learn, without_challenges
from sip_agent.core.syntax.message import Request

FOREIGN = 'Digest realm="evil.example", nonce="n9", algorithm=MD5, qop="auth"'


def request(method: str, to: str = "<sip:bob@example.com>") -> Request:
    fields = [("From", "<sip:alice@example.com>;tag=a"), ("To", to), ("Call-ID", "c"), ("CSeq", f"1 {method}")]
    return Request(method, "sip:bob@example.com", fields)


@pytest.mark.parametrize(
    ("method", "in_dialog", "status", "knows_realm", "learns"),
    [
        ("REGISTER", False, 401, False, True),
        ("REGISTER", False, 401, True, True),
        ("INVITE", False, 407, True, True),
        ("INVITE", False, 401, False, True),
        ("INVITE", False, 401, True, False),
        ("MESSAGE", False, 401, True, False),
        ("INVITE", True, 401, False, False),
        ("INVITE", True, 407, True, False),
        ("BYE", True, 401, False, False),
        ("BYE", True, 407, True, False),
    ],
)
def test_the_table(method: str, in_dialog: bool, status: int, knows_realm: bool, learns: bool) -> None:
    refused = request(method, "<sip:bob@example.com>;tag=far" if in_dialog else "<sip:bob@example.com>")
    assert may_learn(refused, make_reply(refused, status), knows_realm) is learns


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "UPDATE", "REFER"])
@pytest.mark.parametrize(("status", "field"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
def test_a_foreign_realm_in_a_dialog_gets_no_answer_and_a_known_one_does(method: str, status: int, field: str) -> None:
    digest = make_identity().digest
    registered = request("REGISTER")
    assert answer(digest, registered, make_reply(registered, 401, headers=[("WWW-Authenticate", CHALLENGE)]))
    refused = request(method, "<sip:bob@example.com>;tag=far")
    assert answer(digest, refused, make_reply(refused, status, headers=[(field, FOREIGN)])) is None
    again = answer(digest, refused, make_reply(refused, status, headers=[(field, CHALLENGE)]))
    assert again is not None and again.cseq == (2, method)


def test_a_stranger_s_challenge_is_not_shown_and_its_other_responses_are() -> None:
    refused = request("BYE", "<sip:bob@example.com>;tag=far")
    for status, field in ((401, "WWW-Authenticate"), (407, "Proxy-Authenticate")):
        shown = without_challenges(make_reply(refused, status, headers=[(field, CHALLENGE)]))
        assert shown.status == status and field not in shown.headers
    ok = make_reply(refused, 200)
    assert without_challenges(ok) is ok


def test_servers_that_challenge_in_turns_without_end_are_given_up() -> None:
    digest, sent = make_identity().digest, [request("MESSAGE")]
    for number in range(100):
        challenge = f'Digest realm="{number % 2}", nonce="n{number}", algorithm=MD5, qop="auth"'
        again = answer(digest, sent[-1], make_reply(sent[-1], 407, headers=[("Proxy-Authenticate", challenge)]))
        if again is None:
            break
        sent.append(again)
    assert len(sent) == 1 + MAX_CHALLENGES
