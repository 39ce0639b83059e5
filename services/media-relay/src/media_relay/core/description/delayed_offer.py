"""A SIP peer calls and leaves the offer to us (RFC 3261 §13.2.1).

The browser is offered audio, what it takes of that is our offer for the SIP side, and the SIP side's answer ends it.
"""

from shared.errors import RemoteError

from ..plan import StreamPlan
from .codecs import Codec, Direction
from .later_offers import LaterOffers
from .negotiation import Issuer, Leg, Local, Numbered, Outcome, pair, session_plan, sip_offer_line
from .rtp_avp import print_line
from .sdp import parse
from .webrtc import BrowserLine, describe_offer, read_description

# The browser sends the first of them that it has, before anybody knows what the far side has. So G.711 comes first:
# every phone has it (RFC 7874 §3 makes browsers have it).
_CODECS = (
    Codec(0, "PCMU", 8000),
    Codec(8, "PCMA", 8000),
    Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1"),
    Codec(9, "G722", 8000),
    Codec(101, "telephone-event", 8000, fmtp="0-16"),
)


class DelayedOffer:
    """`Negotiation` of a call in which neither side has offered."""

    stream_count = 1
    later: LaterOffers

    def offer(self, local: Local) -> str:
        """Return the offer for the browser."""
        self._local = local
        line = BrowserLine(mid="0", kind="audio", codecs=_CODECS, direction=Direction.SENDRECV)
        return Issuer(local.session_id, "127.0.0.1").issue(describe_offer([line], local.transport))

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """Take the browser's answer; return the offer for the SIP side, before whose answer no media flows."""
        browser = read_description(parse(sdp))
        stream = browser.streams[0]
        common = pair(stream.codecs, _CODECS) if stream and stream.kind == "audio" else []
        if stream is None or not common:
            raise RemoteError(488, "Not Acceptable Here")
        leg = Leg(
            kind="audio",
            line=0,
            codecs=tuple(Numbered(codec, ours.payload_type, codec.payload_type) for codec, ours in common),
            direction=stream.direction,
            ports=self._local.ports[0],
            sip_numbers=tuple(ours.payload_type for _, ours in common),
            packet_time=stream.packet_time,
            srtp=self._local.sip_srtp[0],
        )
        media = [print_line(sip_offer_line(leg, _CODECS, stream.direction))]
        issuer = Issuer(self._local.session_id, self._local.sip_host)
        self.later = LaterOffers(self._local.sip_host, issuer, browser, [leg], media, held=False)
        offer = self.later.offer(Direction.SENDRECV).sdp
        return Outcome(offer, session_plan(browser, [StreamPlan("audio", browser_sends=False, sip_sends=False)]))
