"""The registration machine: scripts with a registrar that says what the test wants."""

from collections.abc import Iterable

import pytest
from tests.support.sip_calls import CHALLENGE, CONTACT, make_identity, with_via

from sip_agent.core.registration.registration import (
    MAX_RAISES,
    TABLE,
    Closed,
    Input,
    Registration,
    SendRegister,
    State,
    StateChanged,
)
from sip_agent.core.syntax.message import Request, make_response


def make() -> Registration:
    return Registration(make_identity(), "reg-1", "tag-1", 300, lambda: 0.5, cseq=40)


def sent(registration: Registration) -> Request:
    (request,) = [output.request for output in registration.take_output() if isinstance(output, SendRegister)]
    return request


def answer(
    registration: Registration, request: Request, status: int, headers: Iterable[tuple[str, str]] = (), now: float = 0.0
) -> None:
    registration.receive_response(make_response(with_via(request), status, None, "r", headers), now)


def registered(expires: int = 200) -> Registration:
    registration = make()
    registration.open(0.0)
    answer(registration, sent(registration), 200, [("Contact", f"<{CONTACT}>;expires={expires}")])
    registration.take_output()
    return registration


def test_a_register_names_the_contact_and_goes_on_from_the_stored_cseq() -> None:
    registration = make()
    registration.open(0.0)
    changed, send = registration.take_output()
    assert changed == StateChanged("registering")
    assert isinstance(send, SendRegister)
    request = send.request
    assert (request.method, request.uri, request.cseq) == ("REGISTER", "sip:example.com", (41, "REGISTER"))
    assert (str(request.contacts[0].uri), request.expires, request.call_id) == (CONTACT, 300, "reg-1")


def test_a_challenge_is_answered_and_the_grant_of_the_own_contact_counts() -> None:
    registration = make()
    registration.open(0.0)
    answer(registration, sent(registration), 401, [("WWW-Authenticate", CHALLENGE)])
    again = sent(registration)
    assert again.cseq[0] == 42 and "Authorization" in again.headers
    others = ("Contact", "<sip:other@192.0.2.9>;expires=7")
    answer(registration, again, 200, [others, ("Contact", f"<{CONTACT}>;expires=120")], now=1.0)
    assert registration.take_output() == [StateChanged("registered", 200, "OK", 120)]
    # Half-way between 50 and 80 % of what was granted.
    assert registration.next_timer() == pytest.approx(1.0 + 120 * 0.65)


def test_a_wrong_password_fails_with_the_registrars_words_and_is_tried_later() -> None:
    registration = make()
    registration.open(0.0)
    answer(registration, sent(registration), 401, [("WWW-Authenticate", CHALLENGE)])
    answer(registration, sent(registration), 401, [("WWW-Authenticate", CHALLENGE)], now=1.0)
    assert registration.take_output() == [StateChanged("failed", 401, "Unauthorized")]
    assert registration.state is State.FAILED
    assert registration.next_timer() == pytest.approx(1.0 + 10.0 * 0.75)


def test_a_stale_nonce_is_replaced_and_the_user_not_told() -> None:
    registration = make()
    registration.open(0.0)
    answer(registration, sent(registration), 401, [("WWW-Authenticate", CHALLENGE)])
    answer(registration, sent(registration), 200, [("Contact", f"<{CONTACT}>;expires=100")])
    registration.take_output()
    registration.handle_timer(100.0)
    refresh = sent(registration)
    assert "nc=00000002" in (refresh.headers.get("Authorization") or "")
    answer(registration, refresh, 401, [("WWW-Authenticate", CHALLENGE.replace("n1", "n2") + ", stale=true")], 65.0)
    again = sent(registration)
    assert 'nonce="n2"' in (again.headers.get("Authorization") or "")
    answer(registration, again, 200, [("Contact", f"<{CONTACT}>;expires=100")], 65.1)
    assert registration.take_output() == []
    assert registration.state is State.REGISTERED


def test_a_registrar_that_wants_longer_gets_longer() -> None:
    registration = make()
    registration.open(0.0)
    answer(registration, sent(registration), 423, [("Min-Expires", "600")])
    assert sent(registration).expires == 600


def test_a_423_that_asks_for_no_more_is_a_failure() -> None:
    registration = make()
    registration.open(0.0)
    answer(registration, sent(registration), 423, [("Min-Expires", "60")])
    assert registration.state is State.FAILED


def test_no_answer_fails_and_the_pauses_grow_up_to_a_limit() -> None:
    registration = make()
    registration.open(0.0)
    pauses, now = [], 0.0
    for _ in range(9):
        registration.take_output()
        registration.transaction_failed(408, "Request Timeout", now)
        due = registration.next_timer()
        assert due is not None
        pauses.append((due - now) / 0.75)
        now = due
        registration.handle_timer(now)
    assert pauses == pytest.approx([10, 20, 40, 80, 160, 300, 300, 300, 300])


def test_a_refresh_that_fails_is_told() -> None:
    registration = registered()
    registration.handle_timer(1000.0)
    registration.take_output()
    registration.transaction_failed(503, "Service Unavailable", 1000.0)
    assert registration.take_output() == [StateChanged("failed", 503, "Service Unavailable")]


def test_closing_removes_the_binding_even_where_the_registrar_challenges() -> None:
    registration = registered()
    registration.close(10.0)
    removal = sent(registration)
    assert removal.expires == 0
    answer(registration, removal, 401, [("WWW-Authenticate", CHALLENGE)], 10.1)
    again = sent(registration)
    assert again.expires == 0
    answer(registration, again, 200, now=10.2)
    assert registration.take_output() == [StateChanged("unregistered"), Closed()]
    assert registration.next_timer() is None


def test_closing_what_was_never_bound_sends_nothing() -> None:
    registration = make()
    registration.close(0.0)
    assert registration.take_output() == [Closed()]


def test_closing_while_registering_waits_for_the_registrar_and_removes_what_came_of_it() -> None:
    registration = make()
    registration.open(0.0)
    request = sent(registration)
    registration.close(0.1)
    assert registration.take_output() == []  # one REGISTER at a time
    answer(registration, request, 200, now=0.2)
    removal = sent(registration)
    assert (removal.expires, removal.cseq[0]) == (0, 42)
    registration.transaction_failed(408, "Request Timeout", 32.0)
    assert registration.take_output() == [StateChanged("unregistered"), Closed()]


@pytest.mark.parametrize("status", [401, 403, 423])
def test_closing_while_registering_ends_with_a_refusal(status: int) -> None:
    registration = make()
    registration.open(0.0)
    request = sent(registration)
    registration.close(0.1)
    answer(registration, request, status, [("WWW-Authenticate", CHALLENGE), ("Min-Expires", "900")])
    assert registration.take_output()[-2:] == [StateChanged("unregistered"), Closed()]
    assert registration.state is State.CLOSED


def test_closing_while_refreshing_removes_the_older_binding_whatever_becomes_of_the_refresh() -> None:
    registration = registered()
    due = registration.next_timer()
    assert due is not None
    registration.handle_timer(due)
    registration.take_output()
    registration.close(due + 0.1)
    registration.transaction_failed(408, "Request Timeout", due + 32.0)
    assert sent(registration).expires == 0
    assert registration.state is State.UNREGISTERING


def test_what_the_table_does_not_list_changes_nothing() -> None:
    for given in Input:
        for state in State:
            if (state, given) in TABLE:
                continue
            registration = make()
            registration._machine.state = state
            registration._step(given)
            assert (registration.state, registration.take_output()) == (state, [])


def test_a_registrar_that_always_wants_longer_is_a_failure_and_tried_later() -> None:
    registration = make()
    registration.open(0.0)
    for least in range(301, 301 + MAX_RAISES):
        answer(registration, sent(registration), 423, [("Min-Expires", str(least))])
    answer(registration, sent(registration), 423, [("Min-Expires", "3600")])
    assert (registration.state, registration.told.status) == (State.FAILED, 423)
    assert registration.next_timer() is not None


def test_an_adopted_registration_tells_only_its_outcome() -> None:
    registration = make()
    registration.adopt("", 0.0)
    (send,) = registration.take_output()
    assert isinstance(send, SendRegister) and send.request.cseq[0] == 41
    answer(registration, send.request, 200, [("Contact", f"<{CONTACT}>;expires=120")])
    assert registration.take_output() == [StateChanged("registered", 200, "OK", 120)]
    assert registration.next_timer() is not None


def test_the_contact_of_a_dead_agent_goes_with_the_register_that_brings_ours() -> None:
    registration = make()
    registration.adopt("sip:s-1@192.0.2.66:5060", 0.0)
    register = sent(registration)
    theirs = [(str(contact.uri), contact.param("expires")) for contact in register.contacts]
    assert theirs == [(CONTACT, None), ("sip:s-1@192.0.2.66:5060", "0")]
    answer(registration, register, 200, [("Contact", f"<{CONTACT}>;expires=120")])
    registration.handle_timer(1000.0)
    assert len(sent(registration).contacts) == 1


def test_a_registrar_that_will_not_have_two_contacts_gets_one() -> None:
    registration = make()
    registration.adopt("sip:s-1@192.0.2.66:5060", 0.0)
    answer(registration, sent(registration), 400)
    registration.handle_timer(1000.0)
    assert [str(contact.uri) for contact in sent(registration).contacts] == [CONTACT]


def test_a_contact_at_our_own_address_is_not_removed() -> None:
    registration = make()
    registration.adopt(CONTACT, 0.0)
    assert len(sent(registration).contacts) == 1


def test_nobody_comes_back_before_the_time_that_the_registrar_asks_for_nor_all_at_once() -> None:
    due = []
    for chance in (0.0, 0.5, 1.0):
        registration = Registration(make_identity(), "reg-1", "tag-1", 300, lambda chance=chance: chance)  # type: ignore[misc]
        registration.open(0.0)
        answer(registration, sent(registration), 503, [("Retry-After", "30")])
        due.append(registration.next_timer())
    assert due == [35.0, 37.5, 40.0]
