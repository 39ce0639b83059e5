"""A SIP peer calls and leaves the offer to us (RFC 3261 §13.2.1).

The browser is offered audio, what it takes of that is our offer for the SIP side, and the SIP side's answer ends it.
"""

from shared.errors import RemoteError

from ..plan import StreamPlan
from .codecs import AUDIO, Direction
from .later_offers import LaterOffers
from .negotiation import Issuer, Leg, Local, Numbered, Outcome, pair, session_plan, sip_offer_line
from .rtp_avp import print_line
from .sdp import parse
from .webrtc import BrowserLine, describe_offer, read_description


class DelayedOffer:
    """`Negotiation` of a call in which neither side has offered."""

    stream_count = 1
    later: LaterOffers

    def offer(self, local: Local) -> str:
        """Return the offer for the browser."""
        self._local = local
        line = BrowserLine(mid="0", kind="audio", codecs=AUDIO, direction=Direction.SENDRECV)
        return Issuer(local.session_id, "127.0.0.1").issue(describe_offer([line], local.transport))

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """Take the browser's answer; return the offer for the SIP side, before whose answer no media flows."""
        browser = read_description(parse(sdp))
        stream = browser.streams[0]
        common = pair(stream.codecs, AUDIO) if stream and stream.kind == "audio" else []
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
        media = [print_line(sip_offer_line(leg, AUDIO, stream.direction))]
        issuer = Issuer(self._local.session_id, self._local.sip_host)
        self.later = LaterOffers(self._local.sip_host, issuer, browser, [leg], media, held=False)
        offer = self.later.offer(Direction.SENDRECV).sdp
        return Outcome(offer, session_plan(browser, [StreamPlan("audio", browser_sends=False, sip_sends=False)]))
