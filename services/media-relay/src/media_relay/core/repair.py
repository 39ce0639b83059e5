"""Video is repaired leg by leg: each peer's NACKs are answered here, and what browsers' packets lack is asked for.

- What was lost between the relay and a peer is sent again from a buffer, as it went out: it need not come again from
  the far side, and it could not: a retransmission without RTX (RFC 4588) has its old sequence number, which SRTP
  refuses as a replay where the packet has been received once.
- What was lost between the browser and the relay is asked for as soon as the gap is seen, whether the far side would
  ask or not: many a phone does not. It is forwarded when it comes, behind what came before it. A far side that has a
  jitter buffer finds it in time; to one that has none it is as lost as it was. Nothing waits for it.
- So a NACK of the SIP side ends here. One of the browser's is passed on for what never came, to a SIP side that reads
  it.
- A wish for a whole picture ends here as well. The other side is asked, not too often, in the way that it reads.
"""

from collections.abc import Callable

from .keyframes import KeyframeWishes
from .losses import Losses
from .packet import feedback
from .send_buffer import SendBuffer


class StreamRepair:
    """What it takes to repair one video stream in both directions."""

    def __init__(self) -> None:
        self.pictures_asked = 0  # by FIR
        self.wishes = KeyframeWishes()
        self.losses = Losses()  # of what the browser sends
        self.to_browser = SendBuffer()
        self.to_sip = SendBuffer()


def answer(nack: bytes, buffer: SendBuffer, now: float, resend: Callable[[bytes], None]) -> bytes:
    """Send again what is asked for and there, if it may be now; return the NACK of what is not there."""
    ssrc = feedback.source_of(nack)

    def is_done(number: int) -> bool:
        packet = buffer.find(ssrc, number, now)
        if packet:
            resend(packet)
        return packet is not None

    return feedback.without(nack, is_done)
