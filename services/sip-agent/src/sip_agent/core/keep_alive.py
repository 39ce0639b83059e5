"""Signs of life on the flows that registrations count on (RFC 5626 §4.4).

A connection gets a double CRLF once it was silent for a while, and is lost when nothing at all comes back within ten
seconds (§4.4.1). A UDP flow gets a CRLF, to which nobody answers, so that NATs on the way keep it open.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from sip_agent.core.events import Flow, SendMessage

# §4.4.1: a random part of this, between 80 and 100 %.
PAUSE = 120.0
PONG_WITHIN = 10.0
_SPREAD = 0.2

_PING = b"\r\n\r\n"
_UDP_PING = b"\r\n"


@dataclass(frozen=True, slots=True)
class FlowLost:
    """Nothing comes from there any more."""

    flow: Flow


KeepAliveOutput: TypeAlias = SendMessage | FlowLost


@dataclass(slots=True)
class _Kept:
    heard_at: float
    due_at: float
    is_asked: bool = False


class KeepAlive:
    """`udp_pause` is for UDP flows, 0 where they get nothing."""

    def __init__(self, udp_pause: float, chance: Callable[[], float]) -> None:
        self._udp_pause = udp_pause
        self._chance = chance
        self._kept: dict[Flow, _Kept] = {}
        self._heap: list[tuple[float, int, Flow]] = []
        self._order = count()
        self._out: list[KeepAliveOutput] = []

    def keep(self, flow: Flow, now: float) -> None:
        """Keep a flow alive from now on."""
        if flow not in self._kept and (flow.reliable or self._udp_pause):
            self._kept[flow] = _Kept(now, 0.0)
            self._arm(flow, now + self._pause(flow))

    def release(self, flow: Flow) -> None:
        """Let a flow be."""
        self._kept.pop(flow, None)

    def hear(self, flow: Flow, now: float) -> None:
        """Take note that something came from there."""
        kept = self._kept.get(flow)
        if kept is not None:
            kept.heard_at = now

    def take_output(self) -> list[KeepAliveOutput]:
        """Return what is to be done and forget it."""
        taken, self._out = self._out, []
        return taken

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        while self._heap and not self._is_current(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        while (due := self.next_timer()) is not None and due <= now:
            flow = heapq.heappop(self._heap)[2]
            self._act(flow, self._kept[flow], now)

    def _act(self, flow: Flow, kept: _Kept, now: float) -> None:
        if not flow.reliable:
            self._out.append(SendMessage(_UDP_PING, flow))
            self._arm(flow, now + self._pause(flow))
        elif kept.is_asked and kept.heard_at <= kept.due_at - PONG_WITHIN:
            del self._kept[flow]
            self._out.append(FlowLost(flow))
        elif kept.is_asked or kept.heard_at > now - (1 - _SPREAD) * PAUSE:
            kept.is_asked = False
            self._arm(flow, kept.heard_at + self._pause(flow))
        else:
            kept.is_asked = True
            self._out.append(SendMessage(_PING, flow))
            self._arm(flow, now + PONG_WITHIN)

    def _pause(self, flow: Flow) -> float:
        return (PAUSE if flow.reliable else self._udp_pause) * (1 - _SPREAD * self._chance())

    def _arm(self, flow: Flow, at: float) -> None:
        self._kept[flow].due_at = at
        heapq.heappush(self._heap, (at, next(self._order), flow))

    def _is_current(self, at: float, order: int, flow: Flow) -> bool:
        kept = self._kept.get(flow)
        return kept is not None and kept.due_at == at
