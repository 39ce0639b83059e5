"""What the data path tells of a session."""

from dataclasses import dataclass

from .browser.transport import FailureReason
from .digits import DigitReceived
from .sounds.player import SoundDone


@dataclass(frozen=True)
class Connected:
    """The browser's DTLS handshake is done, with the certificate that its SDP named."""

    media_id: str


@dataclass(frozen=True)
class Failed:
    """The browser's side is lost for good; nothing is sent to it any more, the session is still to be released."""

    media_id: str
    reason: FailureReason


@dataclass(frozen=True)
class KeyframeWanted:
    """The browser wants a whole picture, of a SIP side that reads no RTCP that asks for one."""

    media_id: str


DataPathEvent = Connected | Failed | KeyframeWanted | DigitReceived | SoundDone
