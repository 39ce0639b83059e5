"""Time that passes in what is fuzzed, by the timers that a core has set itself."""

from typing import Protocol


class Timed(Protocol):
    """A core with timers."""

    def next_timer(self) -> float | None: ...

    def handle_timer(self, now: float) -> None: ...


class World(Protocol):
    """What drives a core: its clock, and what takes away what the core has to say."""

    now: float

    def drain(self) -> None: ...


def let_pass(world: World, core: Timed, seconds: float) -> None:
    """Let time pass in the world, each timer of its core in its turn, and each at its time."""
    end = world.now + seconds
    while (due := core.next_timer()) is not None and due <= end:
        assert due >= world.now, "a timer before its time"
        world.now = due
        core.handle_timer(due)
        following = core.next_timer()
        assert following is None or following > due, "a timer that was due was not fired"
        world.drain()
    world.now = end
