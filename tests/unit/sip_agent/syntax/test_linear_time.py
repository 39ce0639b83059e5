"""The time to read anything grows no faster than its length, whatever a stranger repeats in it.

Measured is CPU time of this process, so that a busy machine changes nothing, and only what is both long and far beyond
linear fails: eight times the bytes take about eight times as long, and would take 64 times if it were quadratic.
"""

from collections.abc import Callable
from contextlib import suppress
from time import process_time

import pytest
from tests.support.sip_messages import make_request

from sip_agent.core.auth.digest import Challenge, parse_credentials
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.parser import StreamParser, parse
from sip_agent.core.syntax.uri import NameAddr, parse_uri
from sip_agent.core.syntax.via import Via
from sip_agent.core.transfer.replaces import Replaces

SMALL, LARGE = 8_000, 64_000
LONG = 0.25  # seconds of CPU
WORST = 24.0  # times as long for eight times the bytes

UNITS = [b'"', b"\\", b'"\\', b",", b", ,", b";", b";a", b";a=", b'a="', b"=", b" ", b"\t;", b"<", b">", b"<>", b"<<>>"]
UNITS += [b"[", b"[::", b"]", b":", b"::", b"@", b"a@", b"%", b"%41", b"%4", b"?", b"&a=", b"sip:", b"<sip:"]
UNITS += [b"9", b"0", b"a", b"a.", b"-", b"\xff", b"\r\n ", b" \r\n\t", b"\0", b"()", b"SIP/2.0/UDP a,", b"a <"]
UNITS += [b"<sip:a@b>,", b"Digest a=b,"]
FIELDS = ["Via", "From", "To", "Contact", "Route", "Record-Route", "CSeq", "Max-Forwards", "Expires", "Content-Type"]
FIELDS += ["Content-Length", "Supported", "Subject"]


def filled(unit: bytes, size: int) -> bytes:
    return (unit * (size // len(unit) + 1))[:size]


def seconds(read: Callable[[bytes], object], unit: bytes, size: int) -> float:
    data = filled(unit, size)
    best = float("inf")
    for _ in range(3):
        start = process_time()
        with suppress(SipError):
            read(data)
        best = min(best, process_time() - start)
        if best < LONG / 8:
            break
    return best


def check(read: Callable[[bytes], object], unit: bytes) -> None:
    long = seconds(read, unit, LARGE)
    assert long < LONG or long < WORST * seconds(read, unit, SMALL)


def with_field(name: str) -> Callable[[bytes], object]:
    """A request with this in a field, read to its end."""
    head = f"\r\n{name}: ".encode()

    def read(value: bytes) -> object:
        request = make_request()
        request.headers.remove(name)
        data = request.to_bytes().replace(b"\r\nCall-ID", head + value + b"\r\nCall-ID", 1)
        message = parse(data)
        for view in ("vias", "contacts", "routes", "record_routes", "max_forwards", "expires", "content_type"):
            with suppress(SipError):
                getattr(message, view)
        return message.has_option("Supported", "100rel")

    return read


@pytest.mark.parametrize("name", FIELDS)
def test_of_a_field(name: str) -> None:
    for unit in UNITS:
        check(with_field(name), unit)


def as_text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("read", "before"),
    [
        (parse_uri, b"sip:"),
        (parse_uri, b"sip:a@b"),
        (parse_uri, b"tel:"),
        (NameAddr.parse, b""),
        (NameAddr.parse, b'"a" <sip:b@c>'),
        (Via.parse, b"SIP/2.0/UDP h"),
        (Challenge.parse, b"Digest "),
        (parse_credentials, b"Digest a=b, "),
        (Replaces.parse, b"a@b;to-tag=1;from-tag=2"),
    ],
)
def test_of_a_value(read: Callable[[str], object], before: bytes) -> None:
    for unit in UNITS:
        check(lambda data: as_text(read)(before + data), unit)


@pytest.mark.parametrize(
    "unit", [b"X: 1\r\n", b"\r\n", b":\r\n", b"a\r\n", b"Via: SIP/2.0/UDP h\r\n", b" \r\n", b"l: 0\r\n", b"\r\n "]
)
def test_of_a_head(unit: bytes) -> None:
    start = make_request().to_bytes().removesuffix(b"\r\n")
    check(lambda data: parse(start + data + b"\r\n"), unit)


@pytest.mark.parametrize("unit", [b"A", b" ", b"<", b"sip:", b"%"])
def test_of_a_start_line(unit: bytes) -> None:
    rest = make_request().to_bytes().split(b"\r\n", 1)[1]
    check(lambda data: parse(b"INVITE " + data + b" SIP/2.0\r\n" + rest), unit)
    check(lambda data: parse(b"SIP/2.0 200 " + data + b"\r\n" + rest), unit)


@pytest.mark.parametrize("piece", [1, 64, 64_000])
@pytest.mark.parametrize(
    "unit", [b"\r\n\r\n", b"\r\n", b"A", b"A: b\r\n", make_request("MESSAGE").to_bytes(), b"SIP/2.0 \r\n\r\n"]
)
def test_of_a_stream(unit: bytes, piece: int) -> None:
    def feed(data: bytes) -> None:
        parser = StreamParser()
        for at in range(0, len(data), piece):
            parser.feed(data[at : at + piece])

    check(feed, unit)


def test_of_a_body_that_comes_byte_by_byte() -> None:
    def feed(data: bytes) -> None:
        request = Request("MESSAGE", "sip:a@b", make_request("MESSAGE").headers.copy(), data)
        parser = StreamParser()
        received = [item for byte in request.to_bytes() for item in parser.feed(bytes([byte]))]
        assert received == [parse(request.to_bytes())]

    check(feed, b"a")
