"""A call without a browser: the SIP side is offered audio, and its answer ends it; or it calls, and is answered.

In the place of the browser's there are numbers of our own, the same in every such session: so what the far side of one
sends can go to the far side of another as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from shared.errors import RemoteError

from .codecs import AUDIO, Codec, Direction
from .later_offers import LaterOffers
from .negotiation import Issuer, Leg, Local, Numbered, Outcome, is_held, pair, session_plan, sip_offer_line, stream_plan
from .rtp_avp import as_answered, as_offered, describe, print_line, read_streams
from .sdes import OwnSrtp
from .sdp import parse


class HeadlessOffers:
    """`Negotiation` of such a call."""

    stream_count = 1
    later: LaterOffers

    def __init__(self, codecs: Sequence[Codec] = AUDIO) -> None:
        self._codecs = tuple(codecs)
        self._settled: tuple[Codec, ...] = ()

    @property
    def for_partner(self) -> tuple[Codec, ...]:
        """What a session that is joined with this one may offer."""
        return for_partner(self._settled)

    def offer(self, local: Local) -> str:
        """Return the offer for the SIP side."""
        self._local = local
        self._to_sip = Issuer(local.session_id, local.sip_host)
        self._leg = Leg(
            kind="audio",
            line=0,
            codecs=numbered_alike(self._codecs),
            direction=Direction.SENDRECV,
            ports=local.ports[0],
            sip_numbers=tuple(codec.payload_type for codec in self._codecs),
            srtp=local.sip_srtp[0],
        )
        self._line = sip_offer_line(self._leg, self._codecs, Direction.SENDRECV)
        return self._to_sip.issue(describe(local.sip_host, [print_line(self._line)]))

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """Take the SIP side's answer; there is nobody to be told. Raise `RemoteError` 488 if it accepts nothing."""
        streams = read_streams(parse(sdp))
        if len(streams) > 1:
            raise RemoteError(488, "More Media In The Answer Than In The Offer")
        stream = as_answered(streams[0], self._line) if streams else None
        common = pair(stream.codecs, self._codecs) if stream and stream.kind == "audio" else []
        if stream is None or not common:
            raise RemoteError(488, "Not Acceptable Here")
        leg = replace(self._leg_of(ours for _, ours in common), agreed=stream)
        theirs = [Numbered(codec, sent_as=ours.payload_type, received_as=codec.payload_type) for codec, ours in common]
        held = is_held([(leg.direction, stream)])
        media = [print_line(self._line)]
        self.later = LaterOffers(self._local.sip_host, self._to_sip, None, [leg], media, held)
        return Outcome(
            "", session_plan(None, [stream_plan(leg, stream, list(zip(leg.codecs, theirs, strict=True)))]), held
        )

    def first_offer(self, sdp: str, srtp: Sequence[OwnSrtp]) -> Outcome:
        """Answer an offer of the SIP side: it calls, and ours was sent to nobody. Raise `RemoteError` 488."""
        policy = self._local.sip_srtp[0].policy
        streams = (as_offered(stream, policy) for stream in read_streams(parse(sdp)))
        audio = next((stream for stream in streams if stream is not None and stream.kind == "audio"), None)
        common = pair(audio.codecs, self._codecs) if audio else []
        if not common:
            raise RemoteError(488, "Not Acceptable Here")
        leg = self._leg_of(ours for _, ours in common)
        self.later = LaterOffers(self._local.sip_host, self._to_sip, None, [leg], [print_line(self._line)], False)
        return self.later.reoffer(sdp, srtp)

    def _leg_of(self, codecs: Iterable[Codec]) -> Leg:
        self._settled = tuple(codecs)
        numbers = tuple(codec.payload_type for codec in self._settled)
        return replace(self._leg, codecs=numbered_alike(self._settled), sip_numbers=numbers)


def for_partner(settled: Sequence[Codec]) -> tuple[Codec, ...]:
    """Return what goes to and fro between two such calls: the codec that the far side sends, and events.

    Nothing is transcoded, and of several codecs the far side could send one that the other one has not.
    """
    media = [codec for codec in settled if codec.is_media]
    return (*media[:1], *(codec for codec in AUDIO if not codec.is_media))


def numbered_alike(codecs: Sequence[Codec]) -> tuple[Numbered, ...]:
    """Return codecs under our own numbers both ways."""
    return tuple(Numbered(codec, codec.payload_type, codec.payload_type) for codec in codecs)
