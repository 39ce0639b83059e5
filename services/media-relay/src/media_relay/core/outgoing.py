"""The RTP source that the SIP side hears of a stream: the browser's packets, and events of ours in their place.

An event is not beside the media but instead of it, in one numbering with it (RFC 4733 §2.1). So what the browser sends
meanwhile is left out, and its later packets get higher or lower numbers than it gave them.
"""

from dataclasses import dataclass

from .packet.rtp import RtpHeader, build

# Whom the events are from of a browser that has sent nothing; browsers that only receive call themselves so too.
OWN_SSRC = 1
# So long after an event, packets of the browser are recognised as older than it. Numbers come round later than that.
_REMEMBERED = 0x1000
_HALF = 0x8000


@dataclass(slots=True)
class _Numbering:
    """Of one source of the browser's."""

    ssrc: int
    sequence_number: int  # of the newest packet that went out
    offset: int = 0  # from the browser's numbers to ours
    is_after_event: bool = False  # and nothing of the browser has come since
    oldest: int | None = None  # number of the browser's that may still go out

    def resume(self, sequence_number: int) -> None:
        """Go on with the offset that there was. What the browser has sent meanwhile, if anything, went elsewhere."""
        number = (sequence_number + self.offset) & 0xFFFF
        ahead = (number - self.sequence_number) & 0xFFFF
        if not self.is_after_event and _REMEMBERED < ahead < 0x10000 - _REMEMBERED:
            self.sequence_number, self.oldest = number, None


class OutgoingSource:
    """Gives each packet its number; `now` is in seconds of any clock."""

    def __init__(self) -> None:
        self._current: _Numbering | None = None
        self._former: _Numbering | None = None  # it may come again, and no number may then be there twice
        self._unheard = _Numbering(OWN_SSRC, 0)
        self._timestamp, self._at = 0, 0.0  # of the newest packet, and when it went out
        self._is_in_event = False

    def admit(self, header: RtpHeader, now: float) -> int | None:
        """Return the number under which the browser's packet goes out; None: it does not."""
        if self._is_in_event:
            return None
        numbers = self._numbering_of(header)
        if numbers.is_after_event:
            numbers.is_after_event = False
            numbers.oldest = header.sequence_number
            numbers.offset = numbers.sequence_number + 1 - header.sequence_number
        if numbers.oldest is not None:
            ahead = (header.sequence_number - numbers.oldest) & 0xFFFF
            if ahead >= _HALF:
                return None  # its number would be one that the event has had
            if ahead > _REMEMBERED:
                numbers.oldest = None
        number = (header.sequence_number + numbers.offset) & 0xFFFF
        if (number - numbers.sequence_number) & 0xFFFF < _HALF:
            numbers.sequence_number, self._timestamp, self._at = number, header.timestamp, now
        return number

    def _numbering_of(self, header: RtpHeader) -> _Numbering:
        current, former = self._current, self._former
        if current is not None and current.ssrc == header.ssrc:
            return current
        self._former = current
        if former is not None and former.ssrc == header.ssrc:
            former.resume(header.sequence_number)
            self._current = former
        else:
            self._current = _Numbering(header.ssrc, header.sequence_number)
        return self._current

    @property
    def ssrc(self) -> int:
        """In whose name events go out."""
        return (self._current or self._unheard).ssrc

    def begin_event(self, clock_rate: int, now: float) -> None:
        """The event's timestamp is where the media would be now."""
        self._timestamp = (self._timestamp + int((now - self._at) * clock_rate)) & 0xFFFFFFFF
        self._at = now
        self._is_in_event = True

    def event_packet(self, payload_type: int, payload: bytes, marker: bool, later: int) -> bytes:
        """Return the next packet of the event, in a segment that is so much later (RFC 4733 §2.5.1.3)."""
        numbers = self._current or self._unheard
        numbers.sequence_number = (numbers.sequence_number + 1) & 0xFFFF
        timestamp = (self._timestamp + later) & 0xFFFFFFFF
        return build(payload_type, numbers.sequence_number, timestamp, numbers.ssrc, payload, marker)

    def end_event(self) -> None:
        """Go on with the browser's packets."""
        self._is_in_event = False
        (self._current or self._unheard).is_after_event = True
