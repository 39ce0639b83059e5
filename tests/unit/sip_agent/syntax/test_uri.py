"""SIP URIs and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.uri import NameAddr, OtherUri, SipUri, parse_uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:alice@example.com",
        "sips:alice:secret@[2001:db8::9]:5061;transport=tls;lr?Subject=a%20b&Priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:a@h?Replaces=98732%40sip.example.com%3Bfrom-tag%3Dr33th4x0r%3Bto-tag%3Dff87ff",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:my_host",
        "tel:+12125551212;ext=3",
        "urn:service:sos",
    ],
)
def test_a_uri_is_printed_as_it_was_written(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_the_parts_of_a_uri() -> None:
    uri = SipUri.parse("SIP:alice:pw@[::1]:5070;Transport=TCP;lr?a=b")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sip", "alice", "pw", "::1", 5070)
    assert (uri.transport, uri.param("LR"), uri.param("maddr")) == ("tcp", "", None)
    assert uri.headers == (("a", "b"),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:a b@c",
        "sip:@c",
        "sip:a@",
        "sip:a@h:99999",
        "sip:a@h;",
        "sip:%4@h",
        "<sip:a@h>",
        "alice",
        "sip:a@[g]",
        "sip:a@[::::]",
        "sip:a@[192.0.2.1]",
        "sip:a@[2001:db8:::1]",
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(SipError) as raised:
        parse_uri(text)
    assert raised.value.status == 400


def test_another_scheme_where_only_sip_will_do_is_416() -> None:
    with pytest.raises(SipError) as raised:
        SipUri.parse("tel:+1")
    assert raised.value.status == 416
    with pytest.raises(SipError) as raised:
        _ = NameAddr.parse("<tel:+1>").sip_uri
    assert raised.value.status == 416


# The examples of RFC 3261 §19.1.4.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        # RFC 5954 §4.2
        ("sip:bob@[::ffff:192.0.2.128]", "sip:bob@[::FFFF:c000:280]"),
        ("sip:bob@[2001:db8::9:1]", "sip:bob@[2001:db8::9:01]"),
        ("sip:bob@[0:0:0:0:0:FFFF:129.144.52.38]", "sip:bob@[::FFFF:129.144.52.38]"),
    ],
)
def test_equivalent_uris_match(one: str, other: str) -> None:
    assert SipUri.parse(one).matches(SipUri.parse(other))
    assert SipUri.parse(other).matches(SipUri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a%40b@h", "sip:a%3Ab@h"),
        ("sip:a@h", "sips:a@h"),
    ],
)
def test_different_uris_do_not_match(one: str, other: str) -> None:
    assert not SipUri.parse(one).matches(SipUri.parse(other))
    assert not SipUri.parse(other).matches(SipUri.parse(one))


def test_params_can_be_set_and_taken_out() -> None:
    uri = SipUri.parse("sip:a@h;transport=udp;x=1")
    assert str(uri.with_params(transport="tcp", lr=None)) == "sip:a@h;x=1;transport=tcp;lr"
    assert str(uri.without_params("transport")) == "sip:a@h;x=1"


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        ("sip:a@h;tag=1", "", "sip:a@h", "1"),
        ("<sip:a@h;lr>;tag=1.2+3", "", "sip:a@h;lr", "1.2+3"),
        ('"A. \\"B\\" <c>" <sip:a@h>', 'A. "B" <c>', "sip:a@h", None),
        ("Alice  Smith<sip:a@h> ; Tag = x", "Alice  Smith", "sip:a@h", "x"),
        ('"" <sip:a@h>;+sip.instance="<urn:uuid:1;2>";tag=q', "", "sip:a@h", "q"),
        ("Зоя <sip:a@h>", "Зоя", "sip:a@h", None),
        ("tel:+1;tag=9", "", "tel:+1", "9"),
    ],
)
def test_an_address_is_read(text: str, name: str, uri: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display_name, str(address.uri), address.tag) == (name, uri, tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        '"Mr. J. User <sip:j.user@example.com>',
        "Bell, Alexander <sip:a.g.bell@bell-tel.com>",
        '"Watson, Thomas" < sip:t.watson@example.org >',
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        "<sip:a@h>;;",
        "<sip:a@h>;tag=",
        "<sip:a@h> x",
        "<sip:a@h",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SipError):
        NameAddr.parse(text)


def test_an_address_keeps_its_params_in_order_and_may_change_its_tag() -> None:
    address = NameAddr.parse('<sip:a@h>;b;+sip.instance="<urn:uuid:1>";tag=1')
    assert str(address) == '<sip:a@h>;b;+sip.instance="<urn:uuid:1>";tag=1'
    assert str(address.with_tag("2")) == '<sip:a@h>;b;+sip.instance="<urn:uuid:1>";tag=2'
    assert str(address.with_tag(None)) == '<sip:a@h>;b;+sip.instance="<urn:uuid:1>"'


@given(st.text())
def test_any_display_name_can_be_written(name: str) -> None:
    printed = str(NameAddr(name, OtherUri("tel", "+1")))
    assert "\r" not in printed and "\n" not in printed
    assert NameAddr.parse(printed).display_name == name.translate({10: " ", 13: " ", 0: " "})


@given(st.text(alphabet='sip:@;=?&%<>"\\, abc19[]+\t\0é'))
def test_no_text_raises_anything_but_a_sip_error(text: str) -> None:
    for read in (parse_uri, NameAddr.parse):
        try:
            value = read(text)
        except SipError:
            continue
        assert read(str(value)) == value
