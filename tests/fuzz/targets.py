"""What is fuzzed: each target takes any bytes, and fails by an exception where a promise of the code is broken."""

from collections.abc import Callable
from contextlib import suppress

from media_relay.core.description import sdp
from media_relay.core.description.rtp_avp import read_streams
from media_relay.core.description.webrtc import read_description
from media_relay.core.packet import feedback, rtcp, rtp, stun, telephone_event
from media_relay.core.packet.framing import Deframer, frame
from shared.errors import RemoteError
from sip_agent.core.auth.digest import Challenge, parse_credentials
from sip_agent.core.dialog import capabilities, dialog
from sip_agent.core.errors import SipError
from sip_agent.core.in_dialog import session_timer
from sip_agent.core.instant import message as instant
from sip_agent.core.registration.register_request import read_register
from sip_agent.core.syntax.message import Message, Request, make_response
from sip_agent.core.syntax.parser import ParseError, StreamParser, parse
from sip_agent.core.syntax.uri import NameAddr, parse_uri
from sip_agent.core.syntax.via import Via
from sip_agent.core.transfer import sipfrag
from sip_agent.core.transfer.referral import read_referral
from sip_agent.core.transfer.replaces import replaces_of
from tests.fuzz.transactions import run_transactions
from tests.fuzz.transports import run_transports

Target = Callable[[bytes], None]

_VIEWS: tuple[Callable[[Message], object], ...] = (
    lambda message: message.vias,
    lambda message: message.contacts,
    lambda message: message.routes,
    lambda message: message.record_routes,
    lambda message: message.max_forwards,
    lambda message: message.expires,
    lambda message: message.content_type,
    lambda message: message.has_option("Require", "100rel"),
)
_USES: tuple[Callable[[Request], object], ...] = (
    replaces_of,
    read_referral,
    sipfrag.read,
    session_timer.Expiry.of,
    lambda request: request.parsed_uri,
    capabilities.refusal,
    instant.read,
    lambda request: dialog.of_request(request, "tag"),
    lambda request: read_register(request, 3600, "udp:192.0.2.1:5060", "agent"),
)


def datagram(data: bytes) -> None:
    """A datagram is a message or a `ParseError`; what was read is printed and read again."""
    try:
        message = parse(data)
    except ParseError as error:
        assert 400 <= error.status < 600
        if error.request is not None:
            make_response(error.request, error.status, error.reason, "tag").to_bytes()
        return
    for view in _VIEWS:
        with suppress(SipError):
            view(message)
    if isinstance(message, Request):
        for use in _USES:
            with suppress(RemoteError):
                use(message)
    again = parse(message.to_bytes())
    assert (again.start_line, again.body) == (message.start_line, message.body)


def stream(data: bytes) -> None:
    """A stream gives the same wherever it is cut; the first byte says where."""
    size = 1 + data[0] if data else 1
    whole, cut = StreamParser(), StreamParser()
    expected = [repr(item) for item in whole.feed(data[1:])]
    rest = data[1:]
    found = [repr(item) for at in range(0, len(rest), size) for item in cut.feed(rest[at : at + size])]
    assert found == expected and whole.broken == cut.broken


def addresses(data: bytes) -> None:
    """URIs, addresses and Vias mean the same when they are printed and read again."""
    # No line break comes this far, and `quote` writes none, nor a NUL: they become spaces.
    text = data.translate(None, b"\r\n\0").decode("utf-8", "surrogateescape")
    for read in (parse_uri, NameAddr.parse, Via.parse):
        with suppress(SipError):
            first = read(text)
            assert read(str(first)) == first


def challenges(data: bytes) -> None:
    """Challenges and credentials are read, or refused by `SipError`."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (Challenge.parse, parse_credentials):
        with suppress(SipError):
            read(text)


def descriptions(data: bytes) -> None:
    """Session descriptions, from browsers and from SIP, are read or refused."""
    with suppress(RemoteError):
        description = sdp.parse(data.decode("utf-8", "replace"))
        assert str(sdp.parse(str(description))) == str(description)
        for read in (read_streams, read_description):
            with suppress(RemoteError):
                read(description)


def packets(data: bytes) -> None:
    """RTP, telephone-events, RTCP and STUN: bytes that are none are told apart, never failed on."""
    header = rtp.parse(data)
    if header is not None and rtp.has_valid_padding(data):
        telephone_event.parse(rtp.payload_of(data, header))
    rtcp.parse(data)
    stun.parse_binding_request(data)


def wishes(data: bytes) -> None:
    """A valid compound packet is the same where nothing is taken out of it, and valid where something is."""
    if rtcp.parse(data) is None:
        return
    rtcp.read_reports(data)
    assert len(rtcp.with_sender_counts(data, lambda _: (1, 2))) == len(data)
    assert feedback.rewrite(data, lambda packet: packet) == data

    def treat(packet: bytes) -> bytes:
        if feedback.wants_picture(packet):
            feedback.picture_sources(packet)
        if not feedback.is_nack(packet):
            return packet
        feedback.source_of(packet)
        assert not feedback.without(packet, lambda _: True)
        left = feedback.without(packet, lambda number: number & 1 == 1)
        assert len(left) <= len(packet)
        return left

    assert rtcp.parse(feedback.rewrite(data, treat) or data) is not None


def frames(data: bytes) -> None:
    """Datagrams in a stream are the same wherever it is cut; the first byte says where."""
    size = 1 + data[0] if data else 1
    rest = data[1:]
    with suppress(ValueError):
        expected = Deframer(2048).feed(rest)
        deframer = Deframer(2048)
        found = [each for at in range(0, len(rest), size) for each in deframer.feed(rest[at : at + size])]
        assert found == expected
        assert rest.startswith(b"".join(map(frame, found)))


TARGETS: dict[str, Target] = {
    "datagram": datagram,
    "stream": stream,
    "addresses": addresses,
    "challenges": challenges,
    "transactions": run_transactions,
    "descriptions": descriptions,
    "frames": frames,
    "packets": packets,
    "transports": run_transports,
    "wishes": wishes,
}
