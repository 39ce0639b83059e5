"""Later offers and answers with the SIP side (RFC 3264 §8), from what is settled with the browser and without it.

Hold, a new address, another far side after a transfer: all of it is a matter of the plan. What cannot change without
the browser is the codec that it sends, the first one that it settled on. So our offers have that codec alone, with
events: a phone that chose another one could not be talked to. For the same reason an offer without it is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.errors import RemoteError

from ..plan import StreamKind, StreamPlan
from .codecs import DYNAMIC, Codec, Direction
from .negotiation import (
    Issuer,
    Leg,
    Numbered,
    Outcome,
    is_held,
    pair,
    protected,
    session_plan,
    sip_answer_line,
    sip_offer_line,
    stream_plan,
)
from .renewal import renewed_browser, renewing_offer
from .rtp_avp import SipLine, SipStream, as_answered, as_offered, describe, print_line, read_streams, rejected
from .sdes import OwnSrtp
from .sdp import Media, parse
from .webrtc import BrowserDescription, BrowserTransport

_Offered = dict[Codec, Numbered]  # to the SIP side, and the browser's own


@dataclass(frozen=True)
class _Offer:
    """Our last one, and what it was made of: it can be answered whatever the far side has offered since.

    While a call is being transferred, that is the old far side, and the answer is the new one's.
    """

    direction: Direction
    legs: tuple[Leg, ...]
    codecs: tuple[_Offered, ...]  # of each leg
    lines: tuple[SipLine, ...]  # likewise
    media: tuple[Media, ...]


class LaterOffers:
    """`LaterExchanges` of a call; `media` are the m-lines that we last described ourselves by.

    `browser` is None where there is none, or where it is still to describe itself, by the answer to `renew`.
    """

    def __init__(
        self,
        host: str,
        issuer: Issuer,
        browser: BrowserDescription | None,
        legs: Sequence[Leg],
        media: Sequence[Media],
        held: bool,
        direction: Direction = Direction.SENDRECV,
    ) -> None:
        self._host = host
        self._issuer = issuer
        self._browser = browser
        self._is_renewing = False
        self._legs = list(legs)
        self._media = list(media)
        self._is_held = held
        self._direction = direction  # ours, as last agreed
        self._offer: _Offer | None = None
        # RFC 3264 §8.3.2: a number means the same codec as long as the session lasts.
        self._numbers: dict[tuple[StreamKind, Codec], int] = {
            (leg.kind, numbered.codec): number
            for leg in legs
            for numbered, number in zip(leg.codecs, leg.sip_numbers, strict=True)
        }

    @property
    def has_offered(self) -> bool:
        """Whether an answer of the SIP side is one to an offer made here."""
        return self._offer is not None

    @property
    def browser(self) -> BrowserDescription | None:
        """As it described itself last."""
        return self._browser

    @property
    def is_renewing(self) -> bool:
        """Whether an answer of the browser is one to an offer made here."""
        return self._is_renewing

    def offer(self, direction: Direction, srtp: Sequence[OwnSrtp] = ()) -> Outcome:
        """Make an offer of ours; nothing changes before its answer. Every m-line keeps its place (RFC 3264 §8)."""
        media = [rejected(line) for line in self._media]
        legs = protected(self._legs, srtp)
        offered = [self._offerable(leg) for leg in legs]
        lines: list[SipLine] = []
        for leg, codecs in zip(legs, offered, strict=True):
            lines.append(sip_offer_line(leg, list(codecs), leg.direction & direction))
            if codecs:
                media[leg.line] = print_line(lines[-1])
        self._offer = _Offer(direction, tuple(legs), tuple(offered), tuple(lines), tuple(media))
        return Outcome(self._issue(media), None, self._is_held)

    def answer(self, sdp: str) -> Outcome:
        """Take the answer to our last offer, maybe of another far side; the browser gets nothing new."""
        assert self._offer is not None
        streams = read_streams(parse(sdp))
        if len(streams) > len(self._offer.media):
            raise RemoteError(488, "More Media In The Answer Than In The Offer")
        plans: list[StreamPlan] = []
        taken: list[tuple[Direction, SipStream]] = []
        legs = list(self._offer.legs)
        for place, (leg, line) in enumerate(zip(legs, self._offer.lines, strict=True)):
            offered = self._offer.codecs[place]
            stream = as_answered(_at(leg.line, leg.kind, streams), line)
            common = pair(stream.codecs, list(offered)) if stream else []
            numbered = [
                (offered[ours], Numbered(theirs, sent_as=ours.payload_type, received_as=theirs.payload_type))
                for theirs, ours in common
            ]
            plans.append(stream_plan(leg, stream, numbered, self._offer.direction))
            if stream is not None and common:
                legs[place] = replace(leg, agreed=stream)
                taken.append((leg.direction & self._offer.direction, stream))
        outcome = self._agreed(plans, taken)
        self._direction = self._offer.direction
        self._legs, self._media = legs, list(self._offer.media)
        return outcome

    def reoffer(self, sdp: str, srtp: Sequence[OwnSrtp] = ()) -> Outcome:
        """Answer an offer of the SIP side; an m-line that the browser has never seen is rejected.

        The offer may be of another far side (RFC 3891), which has the m-lines in an order of its own.
        """
        offer = parse(sdp)
        policy = self._legs[0].srtp.policy
        streams = [as_offered(stream, policy) for stream in read_streams(offer)]
        media = [rejected(theirs) for theirs in offer.media]
        legs = [replace(leg, line=_line_of(leg, streams, offer.media)) for leg in protected(self._legs, srtp)]
        plans: list[StreamPlan] = []
        taken: list[tuple[Direction, SipStream]] = []
        numbers = dict(self._numbers)
        for place, leg in enumerate(legs):
            stream = _at(leg.line, leg.kind, streams)
            common = _sent_first(leg, stream)
            settled = {numbered.codec: numbered for numbered in leg.codecs}
            numbered = [
                (settled[ours], Numbered(theirs, theirs.payload_type, theirs.payload_type)) for theirs, ours in common
            ]
            plans.append(stream_plan(leg, stream, numbered, self._direction))
            if stream is not None and common:
                media[leg.line] = print_line(sip_answer_line(leg, stream, common, self._direction))
                legs[place] = replace(leg, agreed=stream)
                taken.append((leg.direction, stream))
                numbers |= {(leg.kind, ours): theirs.payload_type for theirs, ours in common}
        outcome = self._agreed(plans, taken)
        self._legs, self._numbers = legs, numbers
        return replace(outcome, sdp=self._issue(media))

    def renew(self, transport: BrowserTransport, session_id: str) -> str:
        """Make an offer to the browser, for a transport that is to follow the present one."""
        self._is_renewing = True
        # RFC 8829 §5.2.1: the address says nothing of us. Each time it is another connection of the browser's.
        return Issuer(session_id, "127.0.0.1").issue(renewing_offer(self._legs, transport))

    def renewed(self, sdp: str, streams: Sequence[StreamPlan]) -> Outcome:
        """Take the browser's answer to the last of these offers; the streams go on."""
        assert self._is_renewing
        self._browser = renewed_browser(self._legs, sdp)
        self._is_renewing = False
        return Outcome("", session_plan(self._browser, streams), self._is_held)

    def _offerable(self, leg: Leg) -> _Offered:
        if leg.sent is None or leg.line >= len(self._media) or self._media[leg.line].kind != leg.kind:
            return {}
        offered: _Offered = {}
        for settled in (leg.sent, *(other for other in leg.codecs if not other.codec.is_media)):
            number = self._numbers[leg.kind, settled.codec]
            if any(number == codec.payload_type for codec in offered):
                # The far side has given it to another codec since; no number that has had a meaning gets a second one.
                number = next(free for free in DYNAMIC if free not in self._numbers.values())
                self._numbers[leg.kind, settled.codec] = number
            offered[replace(settled.codec, payload_type=number)] = settled
        return offered

    def _agreed(self, plans: Sequence[StreamPlan], taken: Sequence[tuple[Direction, SipStream]]) -> Outcome:
        if not taken:
            raise RemoteError(488, "Not Acceptable Here")
        self._is_held = is_held(taken, self._is_held)
        return Outcome("", session_plan(self._browser, plans), self._is_held)

    def _issue(self, media: Sequence[Media]) -> str:
        self._media = list(media)
        return self._issuer.issue(describe(self._host, media))


def _at(line: int, kind: StreamKind, streams: Sequence[SipStream | None]) -> SipStream | None:
    stream = streams[line] if line < len(streams) else None
    return stream if stream is not None and stream.kind == kind else None


def _line_of(leg: Leg, streams: Sequence[SipStream | None], media: Sequence[Media]) -> int:
    """Return where the leg's stream stands in an offer: in its place if it is there, else anywhere; else nowhere."""
    if _at(leg.line, leg.kind, streams) is not None:
        return leg.line
    elsewhere = next((line for line, stream in enumerate(streams) if stream and stream.kind == leg.kind), None)
    if elsewhere is not None:
        return elsewhere
    is_removed = leg.line < len(media) and media[leg.line].kind == leg.kind
    return leg.line if is_removed else len(media)


def _sent_first(leg: Leg, stream: SipStream | None) -> list[tuple[Codec, Codec]]:
    """Return what the far side and the browser have, with the codec that the browser sends first; none without that."""
    common = pair(stream.codecs, [numbered.codec for numbered in leg.codecs]) if stream else []
    sent = leg.sent.codec if leg.sent else None
    return sorted(common, key=lambda both: both[1] != sent) if any(ours == sent for _, ours in common) else []
