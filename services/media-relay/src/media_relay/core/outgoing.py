"""The RTP source that the SIP side hears of a stream: the browser's packets, and events of ours in their place.

An event is not beside the media but instead of it, in one numbering with it (RFC 4733 §2.1). So what the browser sends
meanwhile is left out, and its later packets get higher or lower numbers than it gave them.
"""

from .packet.rtp import RtpHeader, build

# Whom the events are from of a browser that has sent nothing; browsers that only receive call themselves so too.
OWN_SSRC = 1
# So long after an event, packets of the browser are recognised as older than it. Numbers come round later than that.
_REMEMBERED = 0x1000
_HALF = 0x8000


class OutgoingSource:
    """Gives each packet its number; `now` is in seconds of any clock."""

    def __init__(self) -> None:
        self._ssrc: int | None = None  # the browser's
        self._sequence_number = 0  # of the newest packet that went out
        self._timestamp, self._at = 0, 0.0  # of it, and when it did
        self._offset = 0  # from the browser's numbers to ours
        self._is_in_event = False
        self._is_after_event = False  # and nothing of the browser has come since
        self._oldest: int | None = None  # number of the browser's that may still go out

    def admit(self, header: RtpHeader, now: float) -> int | None:
        """Return the number under which the browser's packet goes out; None: it does not."""
        if self._is_in_event:
            return None
        if header.ssrc != self._ssrc:
            self._ssrc, self._offset, self._oldest, self._is_after_event = header.ssrc, 0, None, False
            self._sequence_number = header.sequence_number
        if self._is_after_event:
            self._is_after_event = False
            self._oldest = header.sequence_number
            self._offset = self._sequence_number + 1 - header.sequence_number
        if self._oldest is not None:
            ahead = (header.sequence_number - self._oldest) & 0xFFFF
            if ahead >= _HALF:
                return None  # its number would be one that the event has had
            if ahead > _REMEMBERED:
                self._oldest = None
        number = (header.sequence_number + self._offset) & 0xFFFF
        if (number - self._sequence_number) & 0xFFFF < _HALF:
            self._sequence_number, self._timestamp, self._at = number, header.timestamp, now
        return number

    @property
    def ssrc(self) -> int:
        """In whose name events go out."""
        return OWN_SSRC if self._ssrc is None else self._ssrc

    def begin_event(self, clock_rate: int, now: float) -> None:
        """The event's timestamp is where the media would be now."""
        self._timestamp = (self._timestamp + int((now - self._at) * clock_rate)) & 0xFFFFFFFF
        self._at = now
        self._is_in_event = True

    def event_packet(self, payload_type: int, payload: bytes, marker: bool, later: int) -> bytes:
        """Return the next packet of the event, in a segment that is so much later (RFC 4733 §2.5.1.3)."""
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        timestamp = (self._timestamp + later) & 0xFFFFFFFF
        return build(payload_type, self._sequence_number, timestamp, self.ssrc, payload, marker)

    def end_event(self) -> None:
        """Go on with the browser's packets."""
        self._is_in_event = False
        self._is_after_event = True
