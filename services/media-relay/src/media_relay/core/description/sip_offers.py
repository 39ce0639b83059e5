"""A SIP peer calls: its offer becomes the browser's offer, the browser's answer becomes the SIP answer.

All m-lines of the browser share one transport, so payload types that two SIP m-lines use alike are given anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from shared.errors import RemoteError

from ..plan import StreamKind, StreamPlan
from .codecs import DYNAMIC, Codec, Direction
from .later_offers import LaterOffers
from .negotiation import (
    Issuer,
    Leg,
    Local,
    Numbered,
    Outcome,
    is_held,
    pair,
    session_plan,
    sip_answer_line,
    stream_plan,
)
from .rtp_avp import SipStream, as_offered, describe, print_line, read_streams, rejected
from .sdes import SrtpPolicy
from .sdp import parse
from .webrtc import (
    FEEDBACK,
    BrowserLine,
    BrowserStream,
    describe_offer,
    read_description,
    video_direction,
)

_FEEDBACK: dict[StreamKind, frozenset[str]] = {"audio": frozenset(), "video": FEEDBACK}


class SipOffers:
    """`Negotiation` of a call that a SIP peer starts."""

    later: LaterOffers

    def __init__(self, sdp: str, srtp: SrtpPolicy = "off") -> None:
        self._offer = parse(sdp)
        self._streams = _first_of_each_kind(as_offered(stream, srtp) for stream in read_streams(self._offer))
        if not self._streams:
            raise RemoteError(488, "Not Acceptable Here")
        self._answered: tuple[str, Outcome, list[StreamPlan]] | None = None
        self.stream_count = len(self._streams)

    def offer(self, local: Local) -> str:
        """Return the offer for the browser: the first audio and the first video line that can be forwarded."""
        self._local = local
        self._to_browser = Issuer(local.session_id, "127.0.0.1")
        self._to_sip = Issuer(local.session_id, local.sip_host)
        used: set[int] = set()
        self._offered: list[dict[Codec, Codec]] = []  # to the browser, and the SIP side's own
        for _, stream in self._streams:
            codecs = renumber(stream.kind, stream.codecs, used)
            used |= {codec.payload_type for codec in codecs}
            self._offered.append(codecs)
        lines = [
            BrowserLine(
                mid=str(place),
                kind=stream.kind,
                codecs=tuple(codecs),
                # Audio that begins on hold must be able to go both ways later, without another offer.
                direction=Direction.SENDRECV if stream.kind == "audio" else video_direction(stream.direction),
                packet_time=stream.packet_time,
                bit_rate=stream.bit_rate,
            )
            for place, ((_, stream), codecs) in enumerate(zip(self._streams, self._offered, strict=True))
        ]
        return self._to_browser.issue(describe_offer(lines, local.transport))

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """Take the browser's answer; return the SIP one."""
        if self._answered is not None and self._answered[0] == sdp:
            _, outcome, settled = self._answered
            return replace(outcome, plan=session_plan(self.later.browser, settled))
        if self._answered is not None:
            raise RemoteError(409, "Already Answered")  # a browser gives one answer
        browser = read_description(parse(sdp))
        if len(browser.streams) != len(self._streams):
            raise RemoteError(488, "The Answer Has Not The Media Of The Offer")
        media = [rejected(theirs) for theirs in self._offer.media]
        legs: list[Leg] = []
        plans: list[StreamPlan] = []
        rows = zip(self._streams, self._offered, browser.streams, self._local.ports, strict=True)
        for place, ((line, stream), offered, answered, ports) in enumerate(rows):
            common = pair(answered.codecs, list(offered)) if answered and answered.kind == stream.kind else []
            theirs = [offered[ours] for _, ours in common]
            leg = _leg(line, stream, answered, common, ports)
            numbers = tuple(codec.payload_type for codec in theirs)
            leg = replace(leg, sip_numbers=numbers, srtp=self._local.sip_srtp[place])
            legs.append(leg)
            numbered = [Numbered(codec, codec.payload_type, codec.payload_type) for codec in theirs]
            plans.append(stream_plan(leg, stream, list(zip(leg.codecs, numbered, strict=True))))
            if common:
                answer = zip(theirs, (codec for codec, _ in common), strict=True)
                media[line] = print_line(sip_answer_line(leg, stream, list(answer)))
        if not any(plan.to_sip for plan in plans):
            raise RemoteError(488, "Not Acceptable Here")
        held = is_held((leg.direction, stream) for leg, (_, stream) in zip(legs, self._streams, strict=True))
        self.later = LaterOffers(self._local.sip_host, self._to_sip, browser, legs, media, held)
        text = self._to_sip.issue(describe(self._local.sip_host, media))
        outcome = Outcome(text, session_plan(browser, plans), held)
        self._answered = sdp, outcome, plans
        return outcome


def _first_of_each_kind(streams: Iterable[SipStream | None]) -> list[tuple[int, SipStream]]:
    found: dict[str, tuple[int, SipStream]] = {}
    for line, stream in enumerate(streams):
        if stream is not None:
            found.setdefault(stream.kind, (line, stream))
    return list(found.values())


def renumber(kind: StreamKind, codecs: Sequence[Codec], used: set[int]) -> dict[Codec, Codec]:
    """Return the browser's codecs and whose they are. SIP numbers stay where they are static, or dynamic and free."""
    taken = set(used)
    result: dict[Codec, Codec] = {}
    for codec in codecs:
        number = codec.payload_type
        if not codec.is_static and (number in taken or number not in DYNAMIC):
            others = {other.payload_type for other in codecs}
            number = next(free for free in DYNAMIC if free not in taken | others)
        taken.add(number)
        result[replace(codec, payload_type=number, feedback=_FEEDBACK[kind])] = codec
    return result


def _leg(
    line: int,
    stream: SipStream,
    answered: BrowserStream | None,
    common: Sequence[tuple[Codec, Codec]],
    ports: tuple[int, int],
) -> Leg:
    """The browser sends under our numbers and wants its own."""
    return Leg(
        kind=stream.kind,
        line=line,
        codecs=tuple(Numbered(codec, ours.payload_type, codec.payload_type) for codec, ours in common),
        direction=answered.direction if answered else Direction.INACTIVE,
        ports=ports,
        packet_time=answered.packet_time if answered else (),
        agreed=stream,
    )
