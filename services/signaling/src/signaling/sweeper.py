"""Deletes the records of sessions whose grace time is over.

Each pod does it for the sockets that it lost itself. For those that a dead pod left behind, the first live pod by name
does, now and then; were two to do it, compare-and-swap lets one win.
"""

import asyncio
import time

import structlog

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import SessionEnded
from shared.presence import Presence
from shared.subjects import session_events

from . import metrics
from .core.sweep import Silence, is_over
from .directory import Directory, Held

_log = structlog.get_logger(__name__)
_TICK = 0.5


class Sweeper:
    """One for a pod; `run` is its task."""

    def __init__(
        self, directory: Directory, bus: Bus, signaling: Presence, pod: str, grace_seconds: float, period: float
    ) -> None:
        self._directory = directory
        self._bus = bus
        self._signaling = signaling
        self._pod = pod
        self._grace = grace_seconds
        self._period = period
        self._due: dict[str, tuple[float, Held]] = {}
        self._silence = Silence()

    def watch(self, held: Held) -> None:
        """Delete this session after the grace time, if its record is still the same."""
        self._due[held.record.session_id] = (time.monotonic() + self._grace, held)

    async def run(self) -> None:
        """Sweep for ever."""
        swept_at = time.monotonic()
        while True:
            await asyncio.sleep(min(_TICK, self._grace / 4 or _TICK, self._period))
            try:
                await self._sweep_own()
                if time.monotonic() - swept_at >= self._period:
                    swept_at = time.monotonic()
                    await self._sweep_others()
            except RemoteError as error:  # no KV: what is due stays due
                _log.warning("sessions not swept", error=str(error))

    async def _sweep_own(self) -> None:
        now = time.monotonic()
        for session_id, (due, held) in list(self._due.items()):
            if now >= due:
                await self._delete(held)
                self._due.pop(session_id, None)

    async def _sweep_others(self) -> None:
        now = time.monotonic()
        live = {beat.pod for beat in self._signaling.live(now)}
        # A pod that does not hear itself hears nobody.
        if self._pod not in live or self._pod != min(live):
            return
        sessions = await self._directory.all()
        self._silence.observe({held.record.pod for held in sessions}, live, now)
        for held in sessions:
            if is_over(held.record, time.time(), self._silence.seconds(held.record.pod, now), self._grace):
                await self._bus.publish(
                    session_events(held.record.session_id),
                    SessionEnded(session_id=held.record.session_id, reason="account closed"),
                )
                await self._delete(held)

    async def _delete(self, held: Held) -> None:
        if await self._directory.delete(held):
            metrics.SWEPT.inc()
            _log.info("session forgotten", session=held.record.session_id)
