"""Offer and answer between a browser and a SIP peer (RFC 3264): what both ways of setting up have in common.

`browser_offers` and `sip_offers` are the two ways. Either ends with `Leg`s, what is settled with the browser stream by
stream; later offers of the SIP side (hold, a new address) are answered from these without the browser.

The payload type in *their* description is what they want to get, the one in *ours* is what they send (RFC 3264 §5.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from shared.errors import RemoteError

from ..plan import SessionPlan, StreamKind, StreamPlan
from .codecs import Codec, Direction, match
from .rtp_avp import SipLine, SipStream, describe, print_line, read_streams, rejected
from .sdp import Origin, SessionDescription, parse
from .webrtc import BrowserDescription, BrowserTransport, our_role


@dataclass(frozen=True)
class Local:
    """What our descriptions say of ourselves."""

    session_id: str  # for o=, digits
    sip_host: str
    ports: tuple[tuple[int, int], ...]  # RTP and RTCP, a pair for each stream
    transport: BrowserTransport


class Negotiation(Protocol):
    """One media session's descriptions."""

    stream_count: int

    def offer(self, local: Local) -> str:
        """Return the offer for the other side; call it once, first."""

    def answer(self, sdp: str, provisional: bool) -> tuple[str, SessionPlan]:
        """Take the other side's answer; return the one for the side that offered, and the plan."""

    def reoffer(self, sdp: str) -> tuple[str, SessionPlan]:
        """Take a later offer of the SIP side; return the answer to it, and the plan."""


class Issuer:
    """Gives our descriptions towards one side their origin: the version goes up with each change (RFC 3264 §8)."""

    def __init__(self, session_id: str, host: str) -> None:
        self._origin = Origin("-", session_id, "0", host, "IP6" if ":" in host else "IP4")
        self._last: SessionDescription | None = None

    def issue(self, description: SessionDescription) -> str:
        if description != self._last:
            self._last = description
            self._origin = replace(self._origin, session_version=str(int(self._origin.session_version) + 1))
        return str(replace(description, origin=self._origin))


@dataclass(frozen=True)
class Numbered:
    """A codec settled with one side, and its payload type each way."""

    codec: Codec
    sent_as: int  # by them to us
    received_as: int  # by them from us


@dataclass(frozen=True)
class Leg:
    """A stream as settled with the browser."""

    kind: StreamKind
    line: int  # the SIP side's m-line
    codecs: tuple[Numbered, ...]
    direction: Direction  # the browser's
    ports: tuple[int, int]


def pair(theirs: Sequence[Codec], ours: Sequence[Codec]) -> list[tuple[Codec, Codec]]:
    """Return what both have as (theirs, ours), in the order of theirs; none without a media codec."""
    pairs: list[tuple[Codec, Codec]] = []
    for codec in theirs:
        found = match(codec, [other for other in ours if all(other != taken for _, taken in pairs)])
        if found is not None:
            pairs.append((codec, found))
    return pairs if any(codec.is_media for codec, _ in pairs) else []


def stream_plan(leg: Leg, stream: SipStream | None, pairs: Sequence[tuple[Numbered, Numbered]]) -> StreamPlan:
    """Return the plan of one stream; `pairs` are (browser's, SIP side's)."""
    if stream is None or not pairs:
        return StreamPlan(leg.kind, browser_sends=False, sip_sends=False)
    to_browser = {sip.sent_as: browser.received_as for browser, sip in pairs}
    for browser, sip in pairs:
        # Some phones send under the number that they themselves gave, not under ours.
        to_browser.setdefault(sip.received_as, browser.received_as)
    theirs = stream.direction.reverse
    return StreamPlan(
        kind=leg.kind,
        sip_rtp=stream.rtp,
        sip_rtcp=stream.rtcp,
        to_sip={browser.sent_as: sip.received_as for browser, sip in pairs},
        to_browser=to_browser,
        browser_sends=Direction.SENDONLY in leg.direction & theirs,
        sip_sends=Direction.RECVONLY in leg.direction & theirs,
    )


def session_plan(browser: BrowserDescription, streams: Sequence[StreamPlan]) -> SessionPlan:
    """Return the plan of a session whose browser has described itself."""
    return SessionPlan(
        remote_ice=browser.ice,
        fingerprints=browser.fingerprints,
        dtls_role=our_role(browser.setup),
        streams=tuple(streams),
    )


def answer_sip_offer(host: str, legs: Sequence[Leg], sdp: str) -> tuple[SessionDescription, list[StreamPlan]]:
    """Answer a later offer of the SIP side with what is settled with the browser.

    An m-line that the browser has never seen is rejected; raise `RemoteError` 488 if nothing is left.
    """
    offer = parse(sdp)
    streams = read_streams(offer)
    media = [rejected(theirs) for theirs in offer.media]
    plans: list[StreamPlan] = []
    for leg in legs:
        stream = streams[leg.line] if leg.line < len(streams) else None
        if stream is not None and stream.kind != leg.kind:
            stream = None
        common = pair(stream.codecs, [numbered.codec for numbered in leg.codecs]) if stream else []
        settled = {numbered.codec: numbered for numbered in leg.codecs}
        numbered = [
            (settled[ours], Numbered(theirs, theirs.payload_type, theirs.payload_type)) for theirs, ours in common
        ]
        plans.append(stream_plan(leg, stream, numbered))
        if stream is not None and common:
            media[leg.line] = print_line(sip_answer_line(leg, stream, common))
    if not any(plan.to_sip for plan in plans):
        raise RemoteError(488, "Not Acceptable Here")
    return describe(host, media), plans


def sip_answer_line(leg: Leg, stream: SipStream, common: Sequence[tuple[Codec, Codec]]) -> SipLine:
    """Return our m-line for an offered one: their numbers, the browser's parameters, what both agree to."""
    return SipLine(
        kind=leg.kind,
        codecs=tuple(
            replace(theirs, fmtp=browsers.fmtp, feedback=theirs.feedback & browsers.feedback)
            for theirs, browsers in common
        ),
        direction=leg.direction & stream.direction.reverse,
        ports=leg.ports,
        protocol=stream.protocol,
        packet_time=stream.packet_time,
    )
