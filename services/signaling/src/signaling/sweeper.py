"""Deletes the records of sessions whose grace time is over, and closes accounts that have no session.

Each pod does it for the sockets that it lost itself. For those that a dead pod left behind, the first live pod by name
does, now and then; were two to do it, compare-and-swap lets one win. Where KV is out of reach when something is to be
noted of a session, it is done as soon as it can be.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import SessionEnded
from shared.presence import Presence
from shared.subjects import session_events

from . import metrics
from .agents import Agents, Owner
from .core.sweep import Rounds, Seen, Silence, is_over
from .directory import Directory, Held

_log = structlog.get_logger(__name__)
_TICK = 0.5


class Sweeper:
    """One for a pod; `run` is its task."""

    def __init__(
        self,
        directory: Directory,
        agents: Agents,
        bus: Bus,
        signaling: Presence,
        pod: str,
        grace_seconds: float,
        period: float,
    ) -> None:
        self._directory = directory
        self._agents = agents
        self._bus = bus
        self._signaling = signaling
        self._pod = pod
        self._grace = grace_seconds
        self._period = period
        self._due: dict[str, tuple[float, Held]] = {}
        self._unfinished: dict[str, Callable[[], Awaitable[object]]] = {}
        self._rounds = Rounds()
        self._seen: dict[str, Seen] = {}
        self._silence = Silence()
        self._orphans = Silence()

    def watch(self, held: Held) -> None:
        """End this session after the grace time, if its record is still the same."""
        self._due[held.record.session_id] = (time.monotonic() + self._grace, held)

    async def detach(self, held: Held) -> bool:
        """Note that a socket is lost, and wait for the next; False if the session is another socket's by now."""
        detached = await self._directory.detach(held)
        if detached is not None:
            self.watch(detached)
        return detached is not None

    async def surely(self, session_id: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do what changes a session's record; where KV is out of reach, do it as soon as it is back."""
        try:
            await work()
        except RemoteError as error:
            _log.warning("left for later", session=session_id, error=str(error))
            self._unfinished[session_id] = work

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
                await self._finish()
            except RemoteError as error:  # no KV: what is due stays due
                _log.warning("sessions not swept", error=str(error))
            except Exception:  # the task boundary: one record that cannot be read must not end the sweeping of all
                _log.exception("sessions not swept")

    async def _finish(self) -> None:
        for session_id, work in list(self._unfinished.items()):
            await work()  # raises while KV is away: the rest would fail, too
            if self._unfinished.get(session_id) is work:
                del self._unfinished[session_id]

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
            self._rounds = Rounds()  # what happens meanwhile another one sees
            return
        if not self._rounds.is_due(frozenset(live), is_unfinished=len(self._silence) + len(self._orphans) > 0):
            return
        self._seen = await self._directory.look(self._seen)
        self._silence.observe({session.pod for session in self._seen.values()}, live, now)
        for session_id, session in self._seen.items():
            if is_over(session, time.time(), self._silence.seconds(session.pod, now), self._grace):
                await self._end(session_id, session)
        await self._close_orphans(set(self._seen), now)

    async def _end(self, session_id: str, session: Seen) -> None:
        held = await self._directory.read(session_id)
        if held is None or held.revision != session.revision:
            return  # somebody has come back to it, or has ended it
        ended = SessionEnded(session_id=session_id, reason="account closed")
        await self._bus.publish(session_events(session_id), ended)
        await self._delete(held)

    async def _close_orphans(self, sessions: set[str], now: float) -> None:
        """An account whose log-in failed while nobody could say so to its agent would live for ever."""
        orphans = set(await self._directory.accounts()) - sessions
        self._orphans.observe(orphans, set(), now)
        for session_id in orphans:
            if self._orphans.seconds(session_id, now) < self._grace:
                continue
            owner = await self._directory.owner_of_orphan(session_id)
            if owner is None:
                continue
            try:
                await self._agents.close_account(session_id, Owner(*owner))
                _log.info("account without a session closed", session=session_id)
            except RemoteError as error:
                _log.info("account without a session", session=session_id, error=str(error))

    async def _delete(self, held: Held) -> None:
        if await self._directory.delete(held):
            metrics.SWEPT.inc()
            _log.info("session forgotten", session=held.record.session_id)
