"""REGISTER as the registrar reads it."""

import pytest

from shared.errors import RemoteError
from shared.records import Binding
from sip_agent.core.registration.register_request import granted_contacts, read_register
from sip_agent.core.syntax.message import Request


def request(*fields: tuple[str, str]) -> Request:
    return Request("REGISTER", "sip:example.com", [("Call-ID", "c"), ("CSeq", "9 REGISTER"), *fields])


def test_the_contacts_own_expires_counts_before_the_messages_and_that_before_the_default() -> None:
    contacts = [("Contact", "<sip:a@h>;expires=90;q=0.5"), ("Contact", "<sip:b@h>")]
    read = read_register(request(*contacts, ("Expires", "200")), 3600, "udp:h:1", "agent-1")
    assert [(change.uri, change.expires, change.q) for change in read.contacts] == [
        ("sip:a@h", 90, 0.5),
        ("sip:b@h", 200, 1.0),
    ]
    assert (read.call_id, read.cseq, read.received, read.agent) == ("c", 9, "udp:h:1", "agent-1")
    assert read_register(request(contacts[1]), 3600, "", "").contacts[0].expires == 3600


@pytest.mark.parametrize(("text", "expires"), [("nonsense", 3600), ("999999999", 7200), ("0", 0)])
def test_odd_expires(text: str, expires: int) -> None:
    asked = request(("Contact", f"<sip:a@h>;expires={text}"))
    assert read_register(asked, 300, "", "").contacts[0].expires == expires


@pytest.mark.parametrize(("q", "kept"), [("0.25", 0.25), ("x", 1.0), ("2", 1.0), ("1e-1", 1.0)])
def test_a_malformed_q_counts_as_none(q: str, kept: float) -> None:
    asked = request(("Contact", f"<sip:a@h>;q={q}"))
    assert read_register(asked, 300, "", "").contacts[0].q == kept


def test_star_needs_expires_zero() -> None:
    assert read_register(request(("Contact", "*"), ("Expires", "0")), 3600, "", "").remove_all
    with pytest.raises(RemoteError, match="400"):
        read_register(request(("Contact", "*"), ("Expires", "60")), 3600, "", "")


def test_the_200_lists_every_contact_with_what_is_left() -> None:
    binding = Binding(contact="sip:a@h", call_id="c", cseq=1, expires_at=1059.2, instance="<urn:uuid:1>", q=0.5)
    assert granted_contacts([binding], 1000.0) == [
        ("Contact", '<sip:a@h>;expires=60;q=0.5;+sip.instance="<urn:uuid:1>"')
    ]


def test_a_binding_over_tcp_is_refreshed_before_its_connection_is_idle_for_too_long() -> None:
    asked = request(("Contact", "<sip:a@h>;expires=3600"))
    assert read_register(asked, 3600, "tcp:h:1", "").contacts[0].expires == 240
