"""Which stream each SSRC of a session belongs to, in the order in which they were heard."""

from shared.messages.media import Side

from ...core.packet import rtcp
from .stream import PythonStream

# Each SSRC costs SRTP state for as long as the session lives. A call has a few, a transfer adds some.
MAX_SSRCS = 256


class PythonSources:
    """Those that were authenticated, by side; None: seen in RTCP only."""

    def __init__(self) -> None:
        self.by_side: dict[Side, dict[int, PythonStream | None]] = {"browser": {}, "sip": {}}

    def clear(self) -> None:
        """Forget all."""
        for ssrcs in self.by_side.values():
            ssrcs.clear()

    def has_room(self, side: Side, ssrc: int) -> bool:
        """Tell whether it is known or there is room."""
        return ssrc in self.by_side[side] or len(self.by_side[side]) < MAX_SSRCS

    def hear(self, side: Side, ssrc: int, stream: PythonStream | None) -> None:
        """Take note that it sent media of that stream."""
        self.by_side[side][ssrc] = stream

    def see(self, side: Side, ssrc: int) -> None:
        """Take note that there is one, which may have been heard before."""
        self.by_side[side].setdefault(ssrc, None)

    def is_of(self, ssrc: int, stream: PythonStream) -> bool:
        """Tell whether a source of the SIP side may send in that stream; it is the stream's from then on.

        One SSRC, one stream: two would use one keystream twice, because all share a key (RFC 3711 §9.1).
        """
        if not self.has_room("sip", ssrc):
            return False
        if self.by_side["sip"].get(ssrc) is None:
            self.by_side["sip"][ssrc] = stream
        return self.by_side["sip"][ssrc] is stream

    def stream(self, side: Side, ssrc: int | None) -> PythonStream | None:
        """Return whose media a source is, if it was heard."""
        return None if ssrc is None else self.by_side[side].get(ssrc)

    def concerned(self, sources: rtcp.RtcpSources) -> set[PythonStream]:
        """Return the stream of who sends this RTCP for the browser, else those that it speaks of, if any."""
        sender = self.stream("browser", sources.sender)
        if sender is not None:
            return {sender}
        return {stream for ssrc in sources.about if (stream := self.stream("sip", ssrc)) is not None}

    def last(self, stream: PythonStream, side: Side) -> int | None:
        """Return the SSRC of a stream that was heard last from that side."""
        return next((ssrc for ssrc, owner in reversed(self.by_side[side].items()) if owner is stream), None)
