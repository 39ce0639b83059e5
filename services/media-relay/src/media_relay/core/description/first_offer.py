"""Who makes the first offer of a session."""

from shared.errors import RemoteError
from shared.messages import AllocateMedia
from shared.messages.media import Side


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
