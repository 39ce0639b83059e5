"""What this agent may conclude from the silence of others.

Nobody is gone for one who does not hear even itself: while NATS is away every pod is silent, and right after that some
take longer than others to be heard again.
"""

import time

from shared.bus import Bus
from shared.messages import Message
from shared.presence import GONE_AFTER, Presence
from shared.subjects import heartbeat
from sip_agent.calls.call_table import CallTable

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


class RelayWatch:
    """Ends the calls of relays that are gone: a page would go on for ever with a call that nobody hears."""

    def __init__(self, calls: CallTable, relays: Presence) -> None:
        self._calls = calls
        self._relays = relays
        self._incarnations: dict[str, str] = {}  # of the relay, by call

    def sweep(self, now: float) -> None:
        """Judge every call; only while our hearing is good."""
        seen: dict[str, str] = {}
        for call in list(self._calls):
            heard = self._relays.last(call.media.relay) if call.media is not None else None
            if heard is None or call.told_state == "ended":  # a relay never heard: who allocated there knows more
                continue
            beat, at = heard
            incarnation = seen[call.call_id] = self._incarnations.get(call.call_id, beat.incarnation)
            if now - at >= UNHEARD_FOR or beat.incarnation != incarnation:
                call.fail(503, "Media Relay Is Gone")
        self._incarnations = seen
