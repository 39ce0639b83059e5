"""Wishes for whole pictures (keyframes), of which those of a moment make one: a whole picture is large."""

import math

from shared.messages.media import Side

_PERIOD = 0.5


class KeyframeWishes:
    """When each side was asked for a whole picture."""

    def __init__(self) -> None:
        self._asked_at: dict[Side, float] = {}

    def may_ask(self, side: Side, now: float) -> bool:
        """Tell whether that side is to be asked now, and take it for done."""
        if now - self._asked_at.get(side, -math.inf) < _PERIOD:
            return False
        self._asked_at[side] = now
        return True
