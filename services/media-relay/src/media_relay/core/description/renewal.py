"""The browser of a settled session described anew: its page was reloaded, or lost its connection.

We offer what was settled with it, under the numbers that it had, first what it sends. So all that changes is who the
browser is; the SIP side hears nothing of it, and the streams of the plan stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.errors import RemoteError

from .negotiation import Leg
from .sdp import SessionDescription, parse
from .webrtc import BrowserDescription, BrowserLine, BrowserStream, BrowserTransport, describe_offer, read_description


def renewing_offer(legs: Sequence[Leg], transport: BrowserTransport) -> SessionDescription:
    """Return our offer to the browser, its origin still to be set."""
    lines = [
        BrowserLine(
            mid=str(place),
            kind=leg.kind,
            codecs=tuple(replace(numbered.codec, payload_type=numbered.sent_as) for numbered in leg.codecs),
            direction=leg.direction.reverse,
            packet_time=leg.packet_time,
        )
        for place, leg in enumerate(_offered(legs))
    ]
    return describe_offer(lines, transport)


def renewed_browser(legs: Sequence[Leg], sdp: str) -> BrowserDescription:
    """Return the browser as its answer describes it; raise `RemoteError` 488 where it does not go on with the call.

    What it sends must be what it sent; a picture that it leaves out is no obstacle.
    """
    browser = read_description(parse(sdp))
    offered = _offered(legs)
    if len(browser.streams) != len(offered):
        raise RemoteError(488, "The Answer Has Not The Media Of The Offer")
    goes_on = [_goes_on(leg, stream) for leg, stream in zip(offered, browser.streams, strict=True)]
    if not all(goes_on[place] for place, leg in enumerate(offered) if leg.kind == "audio") or not any(goes_on):
        raise RemoteError(488, "Not Acceptable Here")
    return browser


def _offered(legs: Sequence[Leg]) -> list[Leg]:
    return [leg for leg in legs if leg.sent is not None]


def _goes_on(leg: Leg, stream: BrowserStream | None) -> bool:
    """Whether the browser takes up the stream; raise `RemoteError` 488 if it numbers codecs otherwise than before."""
    if stream is None or stream.kind != leg.kind:
        return False
    numbers = {codec.payload_type for codec in stream.codecs}
    if not numbers <= {numbered.received_as for numbered in leg.codecs}:
        raise RemoteError(488, "The Answer Has Other Payload Types")
    return leg.sent is not None and leg.sent.received_as in numbers
