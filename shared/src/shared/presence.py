"""Who is alive, by heartbeats on core NATS: each pod tells, and each listener keeps its own table.

Choosing a pod: two random ones, the emptier wins, and the choice counts at once as load (measured: 1.02-1.04 of
the mean load at bursts, where "the emptiest" herds to 1.5-1.8).
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Container, Iterable

import msgspec

from .bus import Bus
from .clocks import TOLD_EVERY
from .messages import Heartbeat, Message
from .messages.presence import PodKind
from .subjects import heartbeat, heartbeats

PERIOD = 0.25
GONE_AFTER = 1.0
_ASKED_FOR = 10.0  # seconds of silence of all


def takes_work(beat: Heartbeat) -> bool:
    """Whether a pod takes any work."""
    return not beat.draining and beat.load < beat.capacity


def takes_over(beat: Heartbeat) -> bool:
    """Whether a pod takes what another one had: that was taken once, and may be more than the capacity."""
    return not beat.draining and beat.capacity > 0


class Presence:
    """The pods of one kind that are heard. No I/O of its own: `now` comes in.

    `restarted` are those that have been heard under more than one incarnation; `missed` those that somebody named and
    that were never heard, and since when.
    """

    def __init__(self, chance: random.Random) -> None:
        self.restarted: set[str] = set()
        self.missed: dict[str, float] = {}
        self._chance = chance
        self._heard: dict[str, tuple[Heartbeat, float]] = {}

    def hear(self, beat: Heartbeat, now: float) -> None:
        """Take note of a heartbeat."""
        before = self._heard.get(beat.pod)
        if before is not None and before[0].incarnation != beat.incarnation:
            self.restarted.add(beat.pod)
        self._heard[beat.pod] = (beat, now)
        self.missed.pop(beat.pod, None)

    def live(self, now: float) -> list[Heartbeat]:
        """Return the pods heard within the last second."""
        return [beat for beat, at in self._heard.values() if now - at < GONE_AFTER]

    def is_live(self, pod: str, now: float) -> bool:
        """Whether a pod was heard within the last second."""
        return pod in self._heard and now - self._heard[pod][1] < GONE_AFTER

    def last(self, pod: str) -> tuple[Heartbeat, float] | None:
        """Return the last heartbeat of a pod and when it came, None if there was none."""
        return self._heard.get(pod)

    def expect(self, pod: str, now: float) -> Heartbeat | None:
        """Return the last heartbeat of a pod that must be there; one that was never heard is missed from now on."""
        if pod in self._heard:
            return self._heard[pod][0]
        self.missed[pod] = now
        return None

    def miss_anew(self, now: float) -> None:
        """Give those that are missed their time once more."""
        self.missed = dict.fromkeys(self.missed, now)

    def miss_only(self, pods: Container[str]) -> None:
        """Forget those that are missed and that nobody names any more."""
        self.missed = {pod: since for pod, since in self.missed.items() if pod in pods}

    def all(self) -> list[tuple[Heartbeat, float]]:
        """Return the last heartbeat of every pod, also of those that are silent, and when it came."""
        return list(self._heard.values())

    def choose(
        self, now: float, but: Iterable[str] = (), goes_on: bool = False, may_be_silent: bool = False
    ) -> str | None:
        """Return a pod for new work, or None if no pod takes any; `goes_on`: for what a pod has that leaves.

        `may_be_silent`: where nobody at all is heard, one that was heard lately. So much silence is rather a moment in
        which this machine, or NATS, stood still; and while NATS is there, who asks one that is gone is told so at once.
        """
        excluded = set(but)
        others = [beat for beat in self._heard_by(now, may_be_silent) if beat.pod not in excluded]
        free = [beat for beat in others if takes_work(beat) and not beat.full]
        if goes_on and not free:
            free = [beat for beat in others if takes_over(beat)]
        if not free:
            return None
        best = min(self._chance.sample(free, min(2, len(free))), key=lambda beat: beat.load / beat.capacity)
        counted = msgspec.structs.replace(best, load=best.load + 1)
        self._heard[best.pod] = (counted, self._heard[best.pod][1])
        return best.pod

    def _heard_by(self, now: float, may_be_silent: bool) -> list[Heartbeat]:
        live = self.live(now)
        if live or not may_be_silent:
            return live
        return [beat for beat, at in self._heard.values() if now - at < _ASKED_FOR]


async def listen(bus: Bus, kind: PodKind, presence: Presence) -> None:
    """Feed a table from the bus."""

    async def on_beat(message: Message) -> Message | None:
        if isinstance(message, Heartbeat):
            presence.hear(message, time.monotonic())
        return None

    await bus.serve(heartbeats(kind), on_beat)


async def beat(bus: Bus, state: Callable[[], Heartbeat]) -> None:
    """Tell for ever that this pod lives; `state` makes each heartbeat."""
    for number in itertools.count():
        now = state()
        if number % TOLD_EVERY == 0:
            now = msgspec.structs.replace(now, at=round(time.time(), 3))
        if bus.connected:  # what is published meanwhile would be delivered, stale, when NATS is back
            await bus.publish(heartbeat(now.kind, now.pod), now)
        await asyncio.sleep(PERIOD * random.uniform(0.9, 1.1))
