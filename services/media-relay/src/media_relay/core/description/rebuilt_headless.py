"""A session without a browser that another relay had, made anew from what stands between us and the SIP side.

In the place of the browser's there are the numbers of every such session (`headless`), so that it can be joined again.
"""

from collections.abc import Sequence

from shared.errors import RemoteError

from ..plan import StreamPlan
from .codecs import AUDIO, Codec, Direction, match
from .headless import for_partner, numbered_alike
from .later_offers import LaterOffers
from .negotiation import Issuer, Leg, Local, Outcome, is_held
from .rebuilt import read_standing
from .sdp import parse


class RebuiltHeadless:
    """`Negotiation` of such a session; `codecs` are those that it may go on with."""

    stream_count = 1
    later: LaterOffers

    def __init__(self, ours: str, theirs: str, direction: Direction, codecs: Sequence[Codec] = AUDIO) -> None:
        self._ours = parse(ours)
        self._direction = direction
        audio = [standing for standing in read_standing(self._ours, parse(theirs)) if standing.our.kind == "audio"]
        if not audio:
            raise RemoteError(488, "Nothing To Go On With")
        self._standing = audio[0]
        found = ((own, match(own, codecs)) for own in self._standing.common)
        self._numbers = {codec: own.payload_type for own, codec in found if codec is not None}  # towards the SIP side
        if not any(codec.is_media for codec in self._numbers):
            raise RemoteError(488, "Not The Codec Of The Other Party")
        self.streams = (StreamPlan("audio", browser_sends=False, sip_sends=False),)

    @property
    def for_partner(self) -> tuple[Codec, ...]:
        """What a session that is joined with this one may have."""
        return for_partner(list(self._numbers))

    def offer(self, local: Local) -> str:
        """There is no browser to be offered anything; the SIP side is, later."""
        our, their = self._standing.our, self._standing.their
        leg = Leg(
            kind="audio",
            line=self._standing.line,
            codecs=numbered_alike(list(self._numbers)),
            direction=Direction.SENDRECV,
            ports=local.ports[0],
            sip_numbers=tuple(self._numbers.values()),
            packet_time=our.packet_time,
            srtp=local.sip_srtp[0],
            agreed=their,
        )
        held = is_held([(leg.direction, their)])
        issuer = Issuer.after(self._ours.origin)
        self.later = LaterOffers(local.sip_host, issuer, None, [leg], self._ours.media, held, self._direction)
        return ""

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """There is no first answer: the first offer was another relay's, and is answered."""
        raise RemoteError(491, "No Offer To Answer")
