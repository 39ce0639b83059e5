"""The Via field."""

import pytest

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.via import Via


def test_its_parts() -> None:
    via = Via.parse("SIP / 2.0 / udp first.example.com: 4000;ttl=16 ;branch = z9hG4bK.1 ;rport; received=2001:db8::9")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "first.example.com", 4000, "z9hG4bK.1")
    assert (via.received, via.rport, via.wants_rport) == ("2001:db8::9", None, True)


def test_it_is_printed_as_it_was_written() -> None:
    for text in ("SIP/2.0/UDP h", "SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bK!*+;rport=99;received=1.2.3.4"):
        assert str(Via.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5070;rport=5070;received=10.0.0.1", None),
        ("SIP/2.0/UDP 10.0.0.1;rport=5060", None),
        ("SIP/2.0/UDP 10.0.0.1:5070", None),
        ("SIP/2.0/UDP 10.0.0.1:5070;rport=40000;received=192.0.2.1", ("192.0.2.1", 40000)),
        ("SIP/2.0/UDP 10.0.0.1:5070;rport=40000", ("10.0.0.1", 40000)),
        ("SIP/2.0/UDP 10.0.0.1:5070;received=192.0.2.1", ("192.0.2.1", 5070)),
        ("SIP/2.0/TLS 10.0.0.1:5061;rport=40000;received=10.0.0.1", None),
        ("SIP/2.0/TCP 10.0.0.1:5070;rport=40000;received=192.0.2.1", ("192.0.2.1", 40000)),
    ],
)
def test_where_we_were_seen_tells_of_a_nat(text: str, seen: tuple[str, int] | None) -> None:
    assert Via.parse(text).seen_at == seen


def test_a_param_is_set_in_its_place_or_at_the_end() -> None:
    via = Via.parse("SIP/2.0/UDP h;rport;branch=x")
    assert str(via.with_param("rport", "5").with_param("received", "1.2.3.4")) == (
        "SIP/2.0/UDP h;rport=5;branch=x;received=1.2.3.4"
    )


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/2.0/UDP h x", "SIP/3.0/UDP h", "SIP/2.0/UDP h:70000", "UDP h"]
)
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(SipError):
        Via.parse(text)


@pytest.mark.parametrize("rport", ["x", "²", "999999", "-1"])
def test_an_rport_that_is_no_port_is_not_told(rport: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP h;rport={rport}").rport is None
