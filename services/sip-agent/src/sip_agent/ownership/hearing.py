"""What this agent may conclude from the silence of others.

Nobody is gone for one who does not hear even itself: while NATS is away every pod is silent, and right after that some
take longer than others to be heard again.
"""

import time

from shared.bus import Bus
from shared.messages import Message
from shared.presence import GONE_AFTER
from shared.subjects import heartbeat

# The longest that a pod may need to be heard, at its start or when NATS is back.
UNHEARD_FOR = 3.0


class Hearing:
    """Whether our own heartbeat comes back to us."""

    def __init__(self) -> None:
        self._heard_at = 0.0
        self._deaf_until = 0.0

    async def listen(self, bus: Bus, pod: str) -> None:
        """Listen to ourselves."""
        await bus.serve(heartbeat("agent", pod), self._on_beat)

    async def _on_beat(self, _: Message) -> Message | None:
        self.hear(time.monotonic())
        return None

    def hear(self, now: float) -> None:
        """Take note of a heartbeat of ours."""
        self._heard_at = now

    def is_good(self, now: float) -> bool:
        """Whether we hear, and have heard long enough for the silence of others to count; ask often."""
        if now - self._heard_at >= GONE_AFTER:
            self._deaf_until = now + UNHEARD_FOR
        return now >= self._deaf_until
