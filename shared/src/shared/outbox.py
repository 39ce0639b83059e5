"""Messages that wait to be delivered elsewhere: bounded, in order within a lane, tried again with growing pauses.

No I/O and no clock: `now` comes in, and whoever sends says what became of each batch. After any call, send what `take`
returns, then wait until `next_timer`.

    GATHERING ──due──▶ SENDING ──delivered, or given up; more wait──▶ GATHERING
                       │   ▲ └──the same, and nothing waits───────▶ OVER
                    failed │due
                       ▼   │
                    BACKING_OFF
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """`at_once` lanes send at the same time, each a batch of `group` messages at most; `tries` 0: without end."""

    most: int  # messages that wait, those on their way among them
    group: int = 1
    gather_seconds: float = 0.0
    at_once: int = 1
    tries: int = 0
    first_pause: float = 0.5
    longest_pause: float = 30.0


class LaneState(Enum):
    """Where a lane stands."""

    GATHERING = "waits for more that may go with it"
    SENDING = "its first messages are on their way"
    BACKING_OFF = "waits before the next try"
    OVER = "nothing waits"


class Input(Enum):
    """What may happen to a lane."""

    DUE = "its time has come"
    FAILED = "the batch was not taken"
    DONE_SOME = "the batch is delivered or given up, and more waits"
    DONE_ALL = "the batch is delivered or given up, and nothing waits"


_St, _In = LaneState, Input

TABLE: dict[tuple[LaneState, Input], LaneState] = {
    (_St.GATHERING, _In.DUE): _St.SENDING,
    (_St.BACKING_OFF, _In.DUE): _St.SENDING,
    (_St.SENDING, _In.FAILED): _St.BACKING_OFF,
    (_St.SENDING, _In.DONE_SOME): _St.GATHERING,
    (_St.SENDING, _In.DONE_ALL): _St.OVER,
}


@dataclass(frozen=True)
class Batch(Generic[T]):
    """The first messages of a lane, in their order."""

    lane: str
    messages: tuple[T, ...]


@dataclass
class _Lane(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    state: LaneState = LaneState.GATHERING
    failures: int = 0


class Outbox(Generic[T]):
    """`chance` returns a random number from 0 to 1: who failed together shall not come back together."""

    def __init__(self, rules: Rules, chance: Callable[[], float]) -> None:
        self._rules = rules
        self._chance = chance
        self._lanes: dict[str, _Lane[T]] = {}
        self._times: list[tuple[float, int, str]] = []  # of lanes that wait: when, in which order they came, which
        self._numbers = itertools.count()
        self._count = 0
        self._sending = 0

    def __len__(self) -> int:
        return self._count

    @property
    def is_backing_off(self) -> bool:
        """Whether some lane's last try has failed."""
        return any(lane.failures for lane in self._lanes.values())

    def put(self, message: T, now: float, lane: str = "") -> bool:
        """Let a message wait; False if there is no room, and it is dropped."""
        if self._count >= self._rules.most:
            return False
        self._count += 1
        known = self._lanes.get(lane)
        if known is None:
            self._lanes[lane] = known = _Lane()
            self._set_time(lane, now + self._rules.gather_seconds)
        known.waiting.append(message)
        return True

    def next_timer(self) -> float | None:
        """Return when `take` has something; None while it cannot before a batch is done."""
        if self._sending >= self._rules.at_once or not self._times:
            return None
        return self._times[0][0]

    def take(self, now: float) -> list[Batch[T]]:
        """Return the batches that are to be sent now: `delivered` or `failed` is to follow for each."""
        batches: list[Batch[T]] = []
        while (due := self.next_timer()) is not None and due <= now:
            _, _, name = heapq.heappop(self._times)
            lane = self._lanes[name]
            self._step(lane, Input.DUE)
            self._sending += 1
            batches.append(Batch(name, tuple(itertools.islice(lane.waiting, self._rules.group))))
        return batches

    def delivered(self, batch: Batch[T], now: float) -> None:
        """A batch has arrived, or will never be taken: it need not be sent again."""
        lane = self._lanes[batch.lane]
        lane.failures = 0
        self._finish(batch, lane, now)

    def failed(self, batch: Batch[T], now: float) -> bool:
        """A batch has not arrived; return whether it will be tried again."""
        lane = self._lanes[batch.lane]
        lane.failures += 1
        if self._rules.tries and lane.failures >= self._rules.tries:
            self.delivered(batch, now)
            return False
        self._sending -= 1
        self._step(lane, Input.FAILED)
        pause = min(self._rules.longest_pause, self._rules.first_pause * 2 ** (lane.failures - 1))
        self._set_time(batch.lane, now + pause * (0.5 + self._chance() / 2))
        return True

    def _finish(self, batch: Batch[T], lane: _Lane[T], now: float) -> None:
        self._sending -= 1
        for _ in batch.messages:
            lane.waiting.popleft()
        self._count -= len(batch.messages)
        self._step(lane, Input.DONE_SOME if lane.waiting else Input.DONE_ALL)
        if lane.state is LaneState.OVER:
            del self._lanes[batch.lane]
        else:
            self._set_time(batch.lane, now + self._rules.gather_seconds)

    def _step(self, lane: _Lane[T], what: Input) -> None:
        lane.state = TABLE[lane.state, what]

    def _set_time(self, lane: str, due: float) -> None:
        heapq.heappush(self._times, (due, next(self._numbers), lane))
