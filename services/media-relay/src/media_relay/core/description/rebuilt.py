"""A session that another relay had is made anew, from what stands between us and the SIP side (RFC 3264 §8).

Codecs, the order of the m-lines and the origin go on. Addresses and keys are new, so nothing flows before the SIP side
knows them: it is offered them, or gets them in the answer to an offer of its own. The browser comes by a connection of
its own making, and is offered only what the SIP side has agreed to.
"""

from dataclasses import replace
from typing import NamedTuple

from shared.errors import RemoteError

from ..plan import StreamPlan
from .codecs import Codec, Direction
from .later_offers import LaterOffers
from .negotiation import Issuer, Leg, Local, Numbered, Outcome, is_held, pair
from .rtp_avp import SipStream, read_streams
from .sdp import SessionDescription, parse
from .sip_offers import renumber


class Standing(NamedTuple):
    """A stream as it is agreed on."""

    line: int  # the place of its m-line
    our: SipStream
    their: SipStream
    common: list[Codec]  # what both have, under our numbers and in their order: the first is what they like best to get


def read_standing(ours: SessionDescription, theirs: SessionDescription) -> list[Standing]:
    """Return the streams that two descriptions agree on."""
    both = zip(read_streams(ours), read_streams(theirs), strict=False)
    return [
        Standing(line, our, their, common)
        for line, (our, their) in enumerate(both)
        if our is not None and their is not None and (common := _common(our, their))
    ]


class Rebuilt:
    """`Negotiation` of such a session; `direction` is ours, as it was agreed on last."""

    later: LaterOffers

    def __init__(self, ours: str, theirs: str, direction: Direction) -> None:
        self._ours = parse(ours)
        self._direction = direction
        self._lines = read_standing(self._ours, parse(theirs))
        if not self._lines:
            raise RemoteError(488, "Nothing To Go On With")
        self.stream_count = len(self._lines)
        self.streams = tuple(StreamPlan(our.kind, browser_sends=False, sip_sends=False) for _, our, _, _ in self._lines)

    def offer(self, local: Local) -> str:
        """Return the offer for the browser."""
        used: set[int] = set()
        legs: list[Leg] = []
        for place, (line, our, their, common) in enumerate(self._lines):
            renumbered = renumber(our.kind, common, used)
            used |= {codec.payload_type for codec in renumbered}
            legs.append(
                Leg(
                    kind=our.kind,
                    line=line,
                    codecs=tuple(Numbered(codec, codec.payload_type, codec.payload_type) for codec in renumbered),
                    direction=_of_browser(our, their),
                    ports=local.ports[place],
                    sip_numbers=tuple(codec.payload_type for codec in renumbered.values()),
                    packet_time=our.packet_time,
                    srtp=local.sip_srtp[place],
                    agreed=their,
                )
            )
        held = is_held((leg.direction, their) for leg, (_, _, their, _) in zip(legs, self._lines, strict=True))
        issuer = Issuer.after(self._ours.origin)
        media = self._ours.media
        self.later = LaterOffers(local.sip_host, issuer, None, legs, media, held, self._direction)
        return self.later.renew(local.transport, local.session_id)

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        """There is no first answer: the first offer was another relay's, and is answered."""
        raise RemoteError(491, "No Offer To Answer")


def _common(our: SipStream, their: SipStream) -> list[Codec]:
    if our.kind != their.kind:
        return []
    common = pair(their.codecs, our.codecs)
    return [replace(ours, feedback=ours.feedback & theirs.feedback) for theirs, ours in common]


def _of_browser(our: SipStream, their: SipStream) -> Direction:
    """What the browser does, as far as holding on either side has not hidden it. All of them receive."""
    if our.kind == "audio":
        return Direction.SENDRECV
    is_hidden = Direction.RECVONLY not in their.direction
    sends = Direction.SENDONLY in our.direction or is_hidden
    return Direction.SENDRECV if sends else Direction.RECVONLY
