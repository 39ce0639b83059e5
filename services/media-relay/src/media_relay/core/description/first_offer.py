"""Who makes the first offer of a session, and how it is negotiated from there."""

from collections.abc import Callable

from shared.errors import RemoteError
from shared.messages import AllocateMedia, RebuildMedia
from shared.messages.media import Side

from .browser_offers import BrowserOffers
from .codecs import AUDIO, Codec, Direction
from .delayed_offer import DelayedOffer
from .headless import HeadlessOffers
from .negotiation import Negotiation
from .rebuilt import Rebuilt
from .rebuilt_headless import RebuiltHeadless
from .sdes import SrtpPolicy
from .sip_offers import SipOffers

ForPartner = Callable[[str], tuple[Codec, ...]]
"""What a session that is joined with another one may have, by the other one's id."""


def offer_of(command: AllocateMedia) -> tuple[Side | None, str]:
    """Return who offers, None if nobody does, and the offer. In the place of a browser that is not there we do."""
    if command.is_headless and (command.browser_sdp is not None or command.sip_sdp is not None):
        raise RemoteError(400, "Without A Browser The SIP Side Is Offered")
    if command.is_headless:
        return "browser", ""
    if command.browser_sdp is not None and command.sip_sdp is not None:
        raise RemoteError(400, "Only One Of The Two Sides Can Offer")
    if command.browser_sdp is not None:
        return "browser", command.browser_sdp
    return (None, "") if command.sip_sdp is None else ("sip", command.sip_sdp)


def negotiation_of(
    command: AllocateMedia, offerer: Side | None, offer: str, srtp: SrtpPolicy, for_partner: ForPartner
) -> Negotiation:
    """Return the negotiation that begins with that offer."""
    if command.is_headless:
        return HeadlessOffers(for_partner(command.joined_to) if command.joined_to else AUDIO)
    if offerer is None:
        return DelayedOffer()
    return BrowserOffers(offer) if offerer == "browser" else SipOffers(offer, srtp)


def going_on(command: RebuildMedia, for_partner: ForPartner) -> Rebuilt | RebuiltHeadless:
    """Return the negotiation that goes on where another relay's was."""
    direction = Direction[command.direction.upper()]
    if not command.is_headless:
        return Rebuilt(command.our_sdp, command.far_sdp, direction)
    codecs = for_partner(command.joined_to) if command.joined_to else AUDIO
    return RebuiltHeadless(command.our_sdp, command.far_sdp, direction, codecs)
