"""Offer and answer between a browser and a SIP peer (RFC 3264): what both ways of setting up have in common.

`browser_offers`, `sip_offers` and `delayed_offer` are the ways. Each ends with `Leg`s, what is settled with the browser
stream by stream; `later_offers` goes on from these without the browser.

The payload type in *their* description is what they want to get, the one in *ours* is what they send (RFC 3264 §5.1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..plan import EventFormat, SessionPlan, StreamKind, StreamPlan
from .bandwidth import level_bit_rate
from .codecs import Codec, Direction, match
from .rtp_avp import SECURE, SipLine, SipStream
from .sdes import OwnSrtp
from .sdp import Attribute, Origin, SessionDescription
from .webrtc import BrowserDescription, BrowserTransport, our_role


@dataclass(frozen=True)
class Local:
    """What our descriptions say of ourselves."""

    session_id: str  # for o=, digits
    sip_host: str
    ports: tuple[tuple[int, int], ...]  # RTP and RTCP, a pair for each stream
    transport: BrowserTransport
    sip_srtp: tuple[OwnSrtp, ...]  # of each stream


@dataclass(frozen=True)
class Outcome:
    """What comes of a description."""

    sdp: str  # that was asked for; empty where there is nothing new to say
    plan: SessionPlan | None  # None: the data path goes on as it is
    is_held: bool = False  # by the SIP side


class LaterExchanges(Protocol):
    """Offers after the first: with the SIP side alone, and with the browser alone."""

    @property
    def has_offered(self) -> bool:
        """Whether an answer of the SIP side is one to an offer made here."""

    def offer(self, direction: Direction, srtp: Sequence[OwnSrtp] = ()) -> Outcome:
        """Make an offer of ours; `srtp` are our ends of the streams, those that there are where none are given."""

    def answer(self, sdp: str) -> Outcome:
        """Take an answer to the last of them."""

    def reoffer(self, sdp: str, srtp: Sequence[OwnSrtp] = ()) -> Outcome:
        """Take an offer of the SIP side; return the answer to it, with these ends of ours."""

    @property
    def is_renewing(self) -> bool:
        """Whether an answer of the browser is one to an offer made here."""

    def renew(self, transport: BrowserTransport, session_id: str) -> str:
        """Make an offer to the browser, for another transport."""

    def renewed(self, sdp: str, streams: Sequence[StreamPlan]) -> Outcome:
        """Take the browser's answer to it, while the streams are these."""


class Negotiation(Protocol):
    """One media session's descriptions."""

    stream_count: int

    @property
    def later(self) -> LaterExchanges:
        """What goes on; there once the browser is settled."""

    def offer(self, local: Local) -> str:
        """Return the offer for the other side; call it once, first."""

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """Take the other side's answer; return what the side that offered is to get."""


class Issuer:
    """Gives our descriptions towards one side their origin: the version goes up with each change (RFC 3264 §8)."""

    def __init__(self, session_id: str, host: str) -> None:
        self._origin = Origin("-", session_id, "0", host, "IP6" if ":" in host else "IP4")
        self._last: SessionDescription | None = None

    @classmethod
    def after(cls, origin: Origin) -> "Issuer":
        """Go on with what another relay has issued. Its address is part of what must not change."""
        issuer = cls(origin.session_id, origin.address)
        issuer._origin = origin
        return issuer

    def issue(self, description: SessionDescription) -> str:
        """Return the text of a description."""
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
    sip_numbers: tuple[int, ...] = ()  # of `codecs`, towards the SIP side
    packet_time: tuple[Attribute, ...] = ()  # what the browser wishes
    srtp: OwnSrtp = OwnSrtp()  # towards the SIP side
    agreed: SipStream | None = None  # the SIP side's, as last described

    @property
    def sent(self) -> Numbered | None:
        """What the browser sends: the first codec that it has settled on, until another description tells it better."""
        return next((numbered for numbered in self.codecs if numbered.codec.is_media), None)


def protected(legs: Sequence[Leg], srtp: Sequence[OwnSrtp]) -> list[Leg]:
    """Return the legs with these ends of ours; with their own where none are given."""
    return [replace(leg, srtp=own) for leg, own in zip(legs, srtp, strict=True)] if srtp else list(legs)


def pair(theirs: Sequence[Codec], ours: Sequence[Codec]) -> list[tuple[Codec, Codec]]:
    """Return what both have as (theirs, ours), in the order of theirs; none without a media codec."""
    pairs: list[tuple[Codec, Codec]] = []
    for codec in theirs:
        found = match(codec, [other for other in ours if all(other != taken for _, taken in pairs)])
        if found is not None:
            pairs.append((codec, found))
    return pairs if any(codec.is_media for codec, _ in pairs) else []


def stream_plan(
    leg: Leg,
    stream: SipStream | None,
    pairs: Sequence[tuple[Numbered, Numbered]],
    ours: Direction = Direction.SENDRECV,
) -> StreamPlan:
    """Return the plan of one stream; `pairs` are (browser's, SIP side's).

    `ours` without receiving is a hold. It stops the browser's media as well, whatever we said that we would send: the
    held party must not listen to the room.
    """
    if stream is None or not pairs:
        return StreamPlan(leg.kind, browser_sends=False, sip_sends=False)
    to_browser = {sip.sent_as: browser.received_as for browser, sip in pairs}
    sip_codecs = {sip.sent_as: sip.codec for _, sip in pairs}
    for browser, sip in pairs:
        # Some phones send under the number that they themselves gave, not under ours.
        to_browser.setdefault(sip.received_as, browser.received_as)
        sip_codecs.setdefault(sip.received_as, sip.codec)
    sent = next(sip for _, sip in pairs if sip.codec.is_media)
    media = sent.codec
    wanted = leg.direction & stream.direction.reverse & ours
    is_open = Direction.RECVONLY in ours
    return StreamPlan(
        kind=leg.kind,
        sip_rtp=stream.rtp,
        sip_rtcp=stream.rtp if stream.muxes else stream.rtcp,
        clock_rate=media.clock_rate,
        encoding=media.encoding.lower(),
        to_sip={browser.sent_as: sip.received_as for browser, sip in pairs if browser.codec.is_media},
        to_browser=to_browser,
        browser_sends=is_open and Direction.SENDONLY in wanted,
        sip_sends=Direction.RECVONLY in wanted,
        media_to_sip=sent.received_as if Direction.SENDONLY in wanted else None,
        browser_events={each.sent_as: each.codec.clock_rate for each in leg.codecs if not each.codec.is_media},
        sip_events={number: codec.clock_rate for number, codec in sip_codecs.items() if not codec.is_media},
        events_to_sip=_events_to_sip([sip for _, sip in pairs], media.clock_rate),
        sip_srtp=leg.srtp.keys_with(stream.crypto) if stream.crypto else None,
        answers_nack=_has_feedback(leg, "nack", (browser.codec for browser, _ in pairs)),
        wants_bit_rate=_wants_bit_rate(leg, pairs),
        sip_bit_rate=min((rate for rate in (stream.bit_rate, level_bit_rate(media)) if rate), default=0),
        sip_takes_nack=_has_feedback(leg, "nack", (sip.codec for _, sip in pairs)),
        sip_takes_fir=_has_feedback(leg, "ccm fir", (sip.codec for _, sip in pairs)),
        sip_takes_pli=_has_feedback(leg, "nack pli", (sip.codec for _, sip in pairs)),
    )


def _wants_bit_rate(leg: Leg, pairs: Sequence[tuple[Numbered, Numbered]]) -> bool:
    """A browser that estimates by what the receiver says (REMB) must hear something: of us, if not of the SIP side."""
    is_told = _has_feedback(leg, "goog-remb", (sip.codec for _, sip in pairs))
    return _has_feedback(leg, "goog-remb", (browser.codec for browser, _ in pairs)) and not is_told


def _has_feedback(leg: Leg, what: str, codecs: Iterable[Codec]) -> bool:
    return leg.kind == "video" and any(what in codec.feedback for codec in codecs)


def _events_to_sip(settled: Iterable[Numbered], clock_rate: int) -> EventFormat | None:
    """Return the events in the clock of the media (RFC 4733 §2.1), else any: each counts durations in its own."""
    formats = [EventFormat(each.received_as, each.codec.clock_rate) for each in settled if not each.codec.is_media]
    return next((one for one in formats if one.clock_rate == clock_rate), formats[0] if formats else None)


def is_held(streams: Iterable[tuple[Direction, SipStream]], before: bool = False) -> bool:
    """Tell whether the SIP side wants nothing of what we would send; each stream comes with our direction.

    Where we would send nothing it says nothing either, and what was true `before` still is.
    """
    told = [Direction.RECVONLY not in stream.direction for ours, stream in streams if Direction.SENDONLY in ours]
    return all(told) if told else before


def session_plan(browser: BrowserDescription | None, streams: Sequence[StreamPlan]) -> SessionPlan:
    """Return the plan of a session whose browser has described itself, is still to do so, or is none."""
    if browser is None:
        return SessionPlan(streams=tuple(streams))
    return SessionPlan(
        remote_ice=browser.ice,
        fingerprints=browser.fingerprints,
        dtls_role=our_role(browser.setup),
        streams=tuple(streams),
    )


def sip_answer_line(
    leg: Leg, stream: SipStream, common: Sequence[tuple[Codec, Codec]], ours: Direction = Direction.SENDRECV
) -> SipLine:
    """Return our m-line for an offered one: their numbers, the browser's parameters, what both agree to."""
    rtp, rtcp = leg.ports
    return SipLine(
        kind=leg.kind,
        codecs=tuple(
            replace(theirs, fmtp=browsers.fmtp, feedback=theirs.feedback & browsers.feedback)
            for theirs, browsers in common
        ),
        direction=leg.direction & stream.direction.reverse & ours,
        ports=(rtp, rtp if stream.muxes else rtcp),
        protocol=stream.protocol,
        packet_time=stream.packet_time,
        cryptos=(leg.srtp.answer(stream.crypto),) if stream.crypto else (),
        muxes=stream.muxes,
    )


def sip_offer_line(leg: Leg, codecs: Sequence[Codec], direction: Direction) -> SipLine:
    """Return the m-line by which we offer a stream: with SRTP if it is our policy, or what there was before."""
    policy, before = leg.srtp.policy, leg.agreed
    protocol = before.protocol if before else "RTP/AVP"
    if policy == "required" and protocol not in SECURE:
        protocol = "RTP/SAVP"
    has_keys = policy != "off" or (before is not None and before.crypto is not None)
    return SipLine(
        kind=leg.kind,
        codecs=tuple(codecs),
        direction=direction,
        ports=leg.ports,
        protocol=protocol,
        packet_time=leg.packet_time,
        cryptos=leg.srtp.offer() if has_keys else (),
        muxes=before is not None and before.muxes,
    )
