"""Requests, responses and their typed views."""

import pytest
from tests.support.sip_messages import make_request

from shared.errors import LocalError
from sip_agent.core.dialog.dialog import of_request
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import NameAddr, Request, Response, make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.syntax.uri import parse_uri


def test_content_length_is_written_to_fit_the_body() -> None:
    request = make_request("MESSAGE")
    request.body = "é".encode()
    assert request.to_bytes().endswith(b"Content-Length: 2\r\n\r\n\xc3\xa9")
    request.headers.prepend("l", "999")
    assert b"\r\nl: 2\r\n" in request.to_bytes()
    assert b"Content-Length" not in request.to_bytes()


@pytest.mark.parametrize("value", ["a\r\nVia: evil", "a\nb", "a\rb"])
def test_a_line_break_in_a_field_is_our_bug_and_never_sent(value: str) -> None:
    request = make_request()
    request.headers.add("Subject", value)
    with pytest.raises(LocalError):
        request.to_bytes()


def test_views_follow_changes_of_the_headers() -> None:
    request = make_request()
    assert request.cseq == (1, "INVITE")
    request.headers.set("CSeq", "2 INVITE")
    assert request.cseq == (2, "INVITE")
    assert request.top_via.host == "192.0.2.1"
    request.headers.prepend("v", "SIP/2.0/TCP other;branch=z9hG4bKo, SIP/2.0/UDP third")
    assert [via.host for via in request.vias] == ["other", "third", "192.0.2.1"]
    assert request.top_via.transport == "TCP"


@pytest.mark.parametrize(
    ("name", "value", "view"),
    [
        ("CSeq", "36893488147419103232 INVITE", "cseq"),
        ("CSeq", "2147483648 INVITE", "cseq"),
        ("CSeq", "-1 INVITE", "cseq"),
        ("CSeq", "1", "cseq"),
        ("Max-Forwards", "256", "max_forwards"),
        ("Max-Forwards", "-1", "max_forwards"),
        ("Max-Forwards", "²", "max_forwards"),
        ("Expires", "99999999999999999999999", "expires"),
        ("From", "sip:a b", "from_"),
        ("Via", "SIP/1.0/UDP h", "top_via"),
        ("Via", "SIP/2.0/UDP h;;", "top_via"),
        ("Contact", "<sip:a@h>, ,<sip:b@h>", "contacts"),
        ("Contact", '"unclosed <sip:a@h>, <sip:b@h>', "contacts"),
        ("Call-ID", "", "call_id"),
    ],
)
def test_a_bad_field_is_400_when_it_is_asked_for(name: str, value: str, view: str) -> None:
    request = make_request()
    request.headers.set(name, value)
    with pytest.raises(SipError) as raised:
        getattr(request, view)
    assert raised.value.status == 400


def test_a_missing_field_is_400_or_none() -> None:
    request = Request("OPTIONS", "sip:h")
    for view in ("from_", "to", "call_id", "cseq", "top_via"):
        with pytest.raises(SipError):
            getattr(request, view)
    assert (request.max_forwards, request.expires, request.content_type, request.contacts) == (None, None, None, [])


def test_contacts_are_divided_and_star_is_told_apart() -> None:
    request = make_request("REGISTER")
    request.headers.add("m", '"A, B" <sip:a,x@h>;q=0.5, <sip:b@h>')
    request.headers.add("Contact", "sip:c@h")
    assert [str(contact.uri) for contact in request.contacts] == ["sip:a,x@h", "sip:b@h", "sip:c@h"]
    assert not request.contact_is_star
    request.headers.set("Contact", "*")
    assert request.contact_is_star and request.contacts == []


def test_the_media_type_is_told_without_its_parameters() -> None:
    request = make_request()
    request.headers.add("c", "Application/SDP; charset=utf-8")
    assert request.content_type == "application/sdp"


def test_option_tags_are_compared_without_regard_to_case() -> None:
    request = make_request()
    request.headers.add("k", "100rel, Timer")
    assert request.has_option("Supported", "timer")
    assert not request.has_option("Require", "timer")


def test_a_response_copies_what_section_8_2_6_says() -> None:
    request = make_request()
    request.headers.add("Record-Route", "<sip:p;lr>")
    request.headers.add("Timestamp", "54")
    request.headers.add("Subject", "not copied")
    response = make_response(request, 180, to_tag="t1", headers=[("Contact", "<sip:b@h>")])
    assert response.start_line == "SIP/2.0 180 Ringing"
    assert response.headers.get("Via") == request.headers.get("Via")
    assert response.to.tag == "t1"
    assert [name for name, _ in response.headers] == ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route", "Contact"]
    assert make_response(request, 100).headers.get("Timestamp") == "54"


def test_a_tag_that_to_has_already_stays() -> None:
    request = make_request("BYE")
    request.headers.set("To", "<sip:b@h> ; tag=old")
    assert make_response(request, 200, to_tag="new").to.tag == "old"


def test_an_unknown_status_gets_the_phrase_of_its_class() -> None:
    assert (Response(499).reason, Response(299).reason, Response(699).reason) == ("Bad Request", "OK", "Global Failure")
    assert Response(200, "").start_line == "SIP/2.0 200 "


def test_a_copy_changes_apart() -> None:
    request = make_request()
    copy = request.copy()
    copy.headers.set("Call-ID", "other")
    assert request.call_id == "call-1" and copy != request and request.copy() == request


def test_telephone_numbers_may_stand_where_addresses_do() -> None:
    request = make_request()
    request.headers.set("From", '"Ann" <tel:+1-201-555-0123;phone-context=example.com>;tag=a')
    request.headers.set("To", "tel:7042;phone-context=example.com")
    assert str(request.from_.uri) == "tel:+1-201-555-0123;phone-context=example.com"
    # RFC 3261 §20.10: without angle brackets the parameter is the header field's.
    assert (str(request.to.uri), request.to.param("phone-context")) == ("tel:7042", "example.com")
    request.headers.add("Contact", "<sip:gateway@192.0.2.1>")
    assert of_request(request, "b").remote == '"Ann" <tel:+1-201-555-0123;phone-context=example.com>'


def test_names_and_reasons_are_utf_8_both_ways() -> None:
    request = make_request()
    request.headers.set("From", str(NameAddr('Zoë "Z" 電', parse_uri("sip:z@example.com"), (("tag", "1"),))))
    read = parse(request.to_bytes())
    assert read.from_.display_name == 'Zoë "Z" 電'
    response = parse(make_response(request, 480, "Nicht verfügbar").to_bytes())
    assert isinstance(response, Response) and response.reason == "Nicht verfügbar"
