"""The parser and the torture messages of RFC 4475 and RFC 5118: what is read, and what is refused how."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.torture import message, names
from tests.support.torture.verdicts import VERDICTS

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Message, Request, Response, make_response
from sip_agent.core.syntax.parser import ParseError, StreamParser, parse

EVERY = names("rfc4475") + names("rfc5118")
READABLE = [name for name in EVERY if not VERDICTS[name].unreadable]


def test_there_are_49_messages_and_12_more_each_with_a_verdict() -> None:
    assert (len(names("rfc4475")), len(names("rfc5118"))) == (49, 12)
    assert set(EVERY) == set(VERDICTS)


@pytest.mark.parametrize("name", EVERY)
def test_each_message_is_read_or_refused_as_its_verdict_says(name: str) -> None:
    verdict = VERDICTS[name]
    if not verdict.unreadable:
        assert parse(message(name))
        return
    with pytest.raises(ParseError) as raised:
        parse(message(name))
    assert (raised.value.status if raised.value.request else None) == verdict.answer


@pytest.mark.parametrize("name", EVERY)
def test_a_stream_goes_on_behind_each_message_but_those_that_break_it(name: str) -> None:
    parser = StreamParser()
    parser.feed(message(name))
    assert parser.broken == VERDICTS[name].closes


@pytest.mark.parametrize("name", READABLE)
def test_what_was_read_is_printed_and_read_again(name: str) -> None:
    first = parse(message(name))
    again = parse(first.to_bytes())
    assert (again.start_line, again.body) == (first.start_line, first.body)
    pairs = [(key, value) for key, value in again.headers if key.lower() not in ("content-length", "l")]
    assert pairs == [(key, value) for key, value in first.headers if key.lower() not in ("content-length", "l")]


@pytest.mark.parametrize("name", [name for name in EVERY if not message(name).startswith(b"SIP/")])
def test_a_refusal_copies_what_belongs_to_the_request(name: str) -> None:
    try:
        request = parse(message(name))
    except ParseError as error:
        assert error.request is not None
        request = error.request
    assert isinstance(request, Request)
    response = make_response(request, 400, to_tag="t")
    for field in ("Via", "From", "Call-ID", "CSeq"):
        assert response.headers.lines(field) == request.headers.lines(field)


UNUSUAL = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"

Facts = Callable[[Any], object]
VALUES: list[tuple[str, Facts, object]] = [
    ("wsinv", lambda m: (m.max_forwards, m.cseq), (68, (9, "INVITE"))),
    ("wsinv", lambda m: m.from_.display_name, 'J Rosenberg \\"'),
    ("wsinv", lambda m: [via.host for via in m.vias], ["192.0.2.2", "spindle.example.com", "192.168.255.111"]),
    ("wsinv", lambda m: m.headers.get("s"), ""),
    ("wsinv", lambda m: m.contacts[0].display_name, 'Quoted string ""'),
    ("wsinv", lambda m: m.contacts[0].param("q"), "0.33"),
    ("wsinv", lambda m: m.routes[0].sip_uri.param("unknownwith"), "value"),
    ("intmeth", lambda m: m.method, "!interesting-Method0123456789_*+`.%indeed'~"),
    ("intmeth", lambda m: m.parsed_uri.user, UNUSUAL),
    ("intmeth", lambda m: m.parsed_uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"),
    ("intmeth", lambda m: m.to.display_name, "BEL:\x07 NUL:\x00 DEL:\x7f"),
    ("intmeth", lambda m: m.from_.display_name, "token1~` token2'+_ token3*%!.-"),
    ("intmeth", lambda m: m.from_.tag, "_token~1'+`*%!-."),
    ("intmeth", lambda m: m.headers.get("extensionHeader-!.%*+_`'~"), "\ufeff\u5927\u505c\u96fb"),
    ("esc01", lambda m: (m.parsed_uri.user, m.parsed_uri.host), ("sips%3Auser%40example.com", "example.net")),
    ("esc01", lambda m: m.to.sip_uri.name, "user"),
    ("esc01", lambda m: m.contacts[0].sip_uri.user, "cal%6Cer"),
    ("esc01", lambda m: m.contacts[0].sip_uri.params, (("%6C%72", None), ("n%61me", "v%61lue%25%34%31"))),
    ("escnull", lambda m: [contact.sip_uri.name for contact in m.contacts], ["%00", "%00%00"]),
    ("esc02", lambda m: m.method, "RE%47IST%45R"),
    ("esc02", lambda m: m.to.display_name, "%Z%45"),
    ("esc02", lambda m: [contact.sip_uri.user for contact in m.contacts], ["alias1", "alias3"]),
    ("lwsdisp", lambda m: (m.from_.display_name, m.from_.tag), ("caller", "323")),
    ("longreq", lambda m: len(m.vias), 34),
    ("longreq", lambda m: len(m.from_.tag), 2 + 50 * 3 + 3),
    ("longreq", lambda m: m.to.sip_uri.port, 6000),
    ("dblreq", lambda m: (m.method, m.body), ("REGISTER", b"")),
    ("semiuri", lambda m: (m.parsed_uri.user, m.parsed_uri.params), ("user;par=u%40example.net", ())),
    ("semiuri", lambda m: len(m.headers.get_all("Accept")), 6),
    ("transports", lambda m: [via.transport for via in m.vias], ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]),
    ("mpart01", lambda m: (m.content_type, len(m.body)), ("multipart/mixed", 553)),
    ("unreason", lambda m: m.reason, "= 2**3 * 5**2 но сто девяносто девять - простое"),
    ("noreason", lambda m: (m.status, m.reason), (100, "")),
    ("escruri", lambda m: m.parsed_uri.headers, (("Route", "%3Csip:example.com%3E"),)),
    ("inv2543", lambda m: (m.top_via.branch, m.from_.tag, m.contacts), (None, None, [])),
    ("inv2543", lambda m: m.body[-9:], b"P/AVP 0\r\n"),
    ("cparam01", lambda m: (m.contacts[0].param("unknownparam"), m.contacts[0].sip_uri.params), ("", ())),
    ("cparam02", lambda m: (m.contacts[0].param("unknownparam"), len(m.contacts[0].sip_uri.params)), (None, 1)),
    ("regescrt", lambda m: m.contacts[0].sip_uri.headers, (("Route", "%3Csip:sip.example.com%3E"),)),
    ("bcast", lambda m: len(m.vias), 2),
    ("ipv6-good", lambda m: (m.parsed_uri.host, m.top_via.host), ("2001:db8::10", "2001:db8::9:1")),
    ("port-ambiguous", lambda m: (m.parsed_uri.host, m.parsed_uri.port), ("2001:db8::10:5070", None)),
    ("port-unambiguous", lambda m: (m.parsed_uri.host, m.parsed_uri.port), ("2001:db8::10", 5070)),
    ("via-received-param-with-delim", lambda m: m.top_via.received, "2001:db8::9:255"),
    ("via-received-param-no-delim", lambda m: m.top_via.received, "2001:db8::9:255"),
    ("mult-ip-in-header", lambda m: [via.host for via in m.vias], ["2001:db8::9:1", "192.0.2.1", "2001:db8::9:255"]),
    ("ipv4-mapped-ipv6", lambda m: (m.top_via.host, m.top_via.port), ("::ffff:192.0.2.10", 19823)),
]


@pytest.mark.parametrize(("name", "read", "value"), VALUES)
def test_the_fields_mean_what_the_rfc_says(name: str, read: Facts, value: object) -> None:
    assert read(parse(message(name))) == value


@pytest.mark.parametrize(
    ("name", "read", "status"),
    [
        ("regbadct", lambda m: m.contacts, 400),
        ("unkscm", lambda m: m.parsed_uri, 416),
        ("novelsc", lambda m: m.parsed_uri, 416),
        ("unksm2", lambda m: m.to.sip_uri, 416),
        ("ipv6-bad", lambda m: m.parsed_uri, 400),
    ],
)
def test_a_field_that_is_bad_is_refused_when_it_is_asked_for(
    name: str, read: Callable[[Any], object], status: int
) -> None:
    with pytest.raises(SipError) as raised:
        read(parse(message(name)))
    assert raised.value.status == status


def test_three_colons_before_an_ipv4_address_are_two() -> None:
    three, two = (parse(message(name)) for name in ("ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"))
    assert isinstance(three, Request) and isinstance(two, Request)
    assert three.parsed_uri.matches(two.parsed_uri)


def test_responses_are_told_from_requests() -> None:
    kinds = {name: type(parse(message(name))) for name in READABLE}
    assert {name for name, kind in kinds.items() if kind is Response} == {"unreason", "noreason", "bcast"}
    assert all(issubclass(kind, Message) for kind in kinds.values())
