"""A MESSAGE of ours, from its first sending to its end."""

import pytest
from tests.support.sip_calls import CHALLENGE, make_identity, make_reply

from sip_agent.core.instant.message import compose
from sip_agent.core.instant.sending import TABLE, Answered, Input, SendingMessage, SendNow, State
from sip_agent.core.syntax.message import Request


def sending() -> tuple[SendingMessage, Request]:
    identity = make_identity()
    request = compose(identity, "sip:bob@example.com", "id", "tag", [], "Hello", "text/plain")
    message = SendingMessage("m-1", request, identity.digest)
    message.start()
    (sent,) = message.take_output()
    assert isinstance(sent, SendNow)
    return message, sent.request


@pytest.mark.parametrize("status", [200, 202, 302, 404, 480, 603])
def test_its_final_response_is_told(status: int) -> None:
    message, request = sending()
    message.receive_response(make_reply(request, 100))
    assert message.take_output() == []
    message.receive_response(make_reply(request, status, reason="So"))
    assert message.take_output() == [Answered("m-1", status, "So")]


def test_a_challenge_is_answered_once() -> None:
    message, request = sending()
    challenge = [("Proxy-Authenticate", CHALLENGE)]
    message.receive_response(make_reply(request, 407, headers=challenge))
    (again,) = message.take_output()
    assert isinstance(again, SendNow)
    assert again.request.cseq == (2, "MESSAGE")
    assert 'realm="example.com"' in (again.request.headers.get("Proxy-Authorization") or "")
    message.receive_response(make_reply(again.request, 407, headers=challenge))
    assert message.take_output() == [Answered("m-1", 407, "Proxy Authentication Required")]


def test_whoever_it_reaches_teaches_no_new_realm() -> None:
    message, request = sending()
    message.receive_response(make_reply(request, 407, headers=[("Proxy-Authenticate", CHALLENGE)]))
    (again,) = message.take_output()
    assert isinstance(again, SendNow)
    strange = CHALLENGE.replace("example.com", "evil.example")
    message.receive_response(make_reply(again.request, 401, headers=[("WWW-Authenticate", strange)]))
    assert message.take_output() == [Answered("m-1", 401, "Unauthorized")]


def test_no_response_is_told() -> None:
    message, _ = sending()
    message.transaction_failed(408, "Request Timeout")
    assert message.take_output() == [Answered("m-1", 408, "Request Timeout")]


@pytest.mark.parametrize("given", Input)
def test_after_its_end_nothing_happens(given: Input) -> None:
    message, request = sending()
    message.transaction_failed(408, "Request Timeout")
    message.take_output()
    assert (State.DONE, given) not in TABLE
    message.receive_response(make_reply(request, 401 if given is Input.CHALLENGE else 200))
    assert (message.take_output(), message.state) == ([], State.DONE)
