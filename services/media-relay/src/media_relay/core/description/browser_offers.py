"""The browser calls: its offer becomes the SIP offer, the SIP answers become one answer for the browser.

A call may bring several SIP answers: provisional ones, of several branches even, then the final one. Each makes a whole
answer for the browser, which takes the early ones as provisional (RFC 8829 §4.1.8) and the final one as its last. From
then on its answer stays, if it can, while what changes is a matter of the plan.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.errors import RemoteError

from ..plan import StreamPlan
from .codecs import Codec, Direction
from .later_offers import LaterOffers
from .negotiation import Issuer, Leg, Local, Numbered, Outcome, is_held, pair, session_plan, sip_offer_line, stream_plan
from .rtp_avp import SipStream, as_answered, describe, print_line, read_streams
from .sdp import parse
from .webrtc import FEEDBACK, BrowserLine, BrowserStream, Setup, describe_answer, read_description, video_direction


class BrowserOffers:
    """`Negotiation` of a call that the browser starts."""

    later: LaterOffers

    def __init__(self, sdp: str) -> None:
        self._offer = parse(sdp)
        self._browser = read_description(self._offer)
        self._streams = tuple(stream for stream in self._browser.streams if stream)
        self._answered: tuple[BrowserLine | None, ...] | None = None
        self._answer = ""
        self._is_final = False
        self.stream_count = len(self._streams)

    def offer(self, local: Local) -> str:
        """Return the offer for the SIP side: the browser's streams, codecs and numbers."""
        self._local = local
        self._to_browser = Issuer(local.session_id, "127.0.0.1")  # RFC 8829 §5.2.1: says nothing of us
        self._to_sip = Issuer(local.session_id, local.sip_host)
        self._legs = [
            Leg(
                kind=stream.kind,
                line=line,
                codecs=tuple(Numbered(codec, codec.payload_type, codec.payload_type) for codec in stream.codecs),
                direction=stream.direction,
                ports=local.ports[line],
                packet_time=stream.packet_time,
                srtp=local.sip_srtp[line],
            )
            for line, stream in enumerate(self._streams)
        ]
        self._lines = [
            sip_offer_line(leg, stream.codecs, stream.direction)
            for leg, stream in zip(self._legs, self._streams, strict=True)
        ]
        media = [print_line(line) for line in self._lines]
        self._media = media
        return self._to_sip.issue(describe(local.sip_host, media))

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """Take a SIP answer; return the browser's. Raise `RemoteError` 488 if it accepts nothing."""
        theirs = read_streams(parse(sdp))
        if len(theirs) > len(self._legs):
            raise RemoteError(488, "More Media In The Answer Than In The Offer")
        # Some phones leave out the m-lines that they reject.
        theirs += (None,) * (len(self._legs) - len(theirs))
        lines: list[BrowserLine | None] = []
        plans: list[StreamPlan] = []
        taken: list[tuple[Direction, SipStream]] = []
        agreed: list[SipStream | None] = []
        rows = zip(self._legs, self._lines, self._streams, theirs, strict=True)
        for leg, line, offered, stream in rows:
            stream = as_answered(stream, line) if stream and stream.kind == leg.kind else None
            agreed.append(stream)
            common = pair(stream.codecs, offered.codecs) if stream else []
            lines.append(_browser_line(offered, stream, [ours for _, ours in common], provisional))
            plans.append(stream_plan(leg, stream, [_numbered(sip, browsers) for sip, browsers in common]))
            if stream is not None and common:
                taken.append((leg.direction, stream))
        if not any(lines):
            raise RemoteError(488, "Not Acceptable Here")
        if self._is_final:
            self._browser = self.later.browser or self._browser
        if self._answered is None or not self._is_final or not all(map(_covers, self._answered, lines)):
            self._answered = tuple(lines)
            self._answer = self._describe_answer(lines)
        self._is_final = self._is_final or not provisional
        held = is_held(taken)
        rows_settled = zip(self._legs, self._answered, agreed, strict=True)
        legs = [_settled(leg, line, stream) for leg, line, stream in rows_settled]
        self.later = LaterOffers(self._local.sip_host, self._to_sip, self._browser, legs, self._media, held)
        return Outcome(self._answer, session_plan(self._browser, plans), held)

    def _describe_answer(self, lines: Sequence[BrowserLine | None]) -> str:
        left = iter(lines)
        by_place = [next(left) if stream else None for stream in self._browser.streams]
        setup: Setup = "active" if self._browser.setup == "passive" else "passive"
        return self._to_browser.issue(describe_answer(self._offer, by_place, self._local.transport, setup))


def _numbered(sip: Codec, browsers: Codec) -> tuple[Numbered, Numbered]:
    """Our SIP offer has the browser's numbers; the answer may have others (RFC 3264 §6.1)."""
    return (
        Numbered(browsers, browsers.payload_type, browsers.payload_type),
        Numbered(sip, sent_as=browsers.payload_type, received_as=sip.payload_type),
    )


def _browser_line(
    offered: BrowserStream, stream: SipStream | None, codecs: Sequence[Codec], provisional: bool
) -> BrowserLine | None:
    if stream is None or not codecs:
        return None
    direction = offered.direction.reverse
    if offered.kind == "video" and not provisional:
        # Audio is not narrowed, nor is anything by early media: a music-on-hold server answers sendonly and a later
        # re-INVITE connects the callee, but the browser's answer cannot change. The plan holds back what is not wanted.
        direction &= video_direction(stream.direction)
    return BrowserLine(
        mid=offered.mid,
        kind=offered.kind,
        codecs=tuple(replace(codec, feedback=codec.feedback & FEEDBACK) for codec in codecs),
        direction=direction,
        packet_time=stream.packet_time,
        bit_rate=stream.bit_rate,
    )


def _covers(old: BrowserLine | None, new: BrowserLine | None) -> bool:
    """Whether a browser that was answered with `old` can do what `new` asks for.

    It sends the first codec of the answer, so that one must be the same; the others it only receives.
    """
    if new is None:
        return True
    if old is None:
        return False
    return _first(old) == _first(new) and set(new.codecs) <= set(old.codecs) and new.direction in old.direction


def _first(line: BrowserLine) -> Codec:
    return next(codec for codec in line.codecs if codec.is_media)


def _settled(leg: Leg, line: BrowserLine | None, agreed: SipStream | None) -> Leg:
    codecs = line.codecs if line else ()
    return replace(
        leg,
        codecs=tuple(Numbered(codec, codec.payload_type, codec.payload_type) for codec in codecs),
        direction=line.direction.reverse if line else Direction.INACTIVE,
        sip_numbers=tuple(codec.payload_type for codec in codecs),
        agreed=agreed,
    )
