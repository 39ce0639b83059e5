"""Which packets of a video stream are missing, and when to ask for them: the receiver's part of RFC 4585 §6.2.1.

Only gaps are known, and only while packets come; that is enough for video, which comes all the time. A packet is asked
for as soon as a later one is there: on its way to the relay hardly any is overtaken, and each millisecond counts.
"""

from dataclasses import dataclass

MAX_MISSING = 64  # a longer gap is no loss that repair could mend: a whole picture is
RETRY_SECONDS = 0.05
MAX_TIMES = 10


@dataclass(slots=True)
class _Missing:
    number: int
    times: int = 0
    asked_at: float = 0.0


class Losses:
    """The gaps in what comes of one source; another SSRC starts all over."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._highest = 0
        self._missing: list[_Missing] = []

    def receive(self, ssrc: int, sequence_number: int, now: float) -> list[int]:
        """Take note of a packet; return the numbers to ask for now, oldest first."""
        if ssrc != self._ssrc:
            self._ssrc, self._highest = ssrc, sequence_number
            self._missing.clear()
        step = (sequence_number - self._highest) & 0xFFFF
        if 0 < step < 0x8000:
            self._advance(step)
        else:
            self._missing = [missing for missing in self._missing if missing.number != sequence_number]
        return self._due(now)

    def _advance(self, step: int) -> None:
        if step > MAX_MISSING:
            self._missing.clear()
        else:
            self._missing += [_Missing((self._highest + 1 + skipped) & 0xFFFF) for skipped in range(step - 1)]
            del self._missing[:-MAX_MISSING]
        self._highest = (self._highest + step) & 0xFFFF

    def _due(self, now: float) -> list[int]:
        self._missing = [missing for missing in self._missing if missing.times < MAX_TIMES]
        due = [one for one in self._missing if not one.times or now - one.asked_at >= RETRY_SECONDS]
        for missing in due:
            missing.times += 1
            missing.asked_at = now
        return [missing.number for missing in due]
