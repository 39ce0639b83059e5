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
from shared.messages import SessionEnded, stream
from shared.presence import Presence
from shared.publisher import Publisher
from shared.subjects import session_events

from .. import metrics
from ..agents import Agents, Owner
from ..core.sweep import Rounds, Seen, Sight, Silence, is_over
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
        publisher: Publisher,
        pod: str,
        grace_seconds: float,
        period: float,
    ) -> None:
        self._directory = directory
        self._agents = agents
        self._bus = bus
        self._signaling = signaling
        self._publisher = publisher
        self._pod = pod
        self._grace = grace_seconds
        self._period = period
        self._due: dict[str, tuple[float, Held]] = {}
        self._unfinished: dict[str, Callable[[], Awaitable[object]]] = {}
        self._rounds = Rounds()
        self._sight = Sight({}, 0)
        self._silence = Silence()
        self._orphans = Silence()
        self._needs_none: set[str] = set()  # accounts that were opened without a socket

    def watch(self, held: Held) -> None:
        """End this session after the grace time, if its record is still the same."""
        self._due[held.record.session_id] = (time.monotonic() + self._grace, held)

    async def detach(self, held: Held) -> bool:
        """Note that a socket is lost, and wait for the next; False if the session is another socket's by now."""
        detached = await self._directory.detach(held)
        if detached is not None:
            self.watch(detached)
        return detached is not None

    async def give_back(self, before: Held, after: Held) -> None:
        """Undo a resume that came to nothing: the session waits for its page again."""
        try:
            given_back = await self._directory.give_back(before, after)
        except RemoteError:
            # The page finds out that its next token is good; this socket is as good as lost.
            await self.surely(after.record.session_id, lambda: self.detach(after))
        else:
            if given_back is not None:
                self.watch(given_back)

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
            # What happens meanwhile another one sees.
            self._rounds, self._silence, self._orphans = Rounds(), Silence(), Silence()
            return
        if not self._rounds.is_due(frozenset(live), is_unfinished=len(self._silence) + len(self._orphans) > 0):
            return
        accounts = await self._directory.accounts()  # before the sessions, which come after them and go before them
        self._sight = await self._directory.look(self._sight)
        sessions = self._sight.sessions
        self._silence.observe({session.pod for session in sessions.values()}, live, now)
        wall_now = time.time()
        over = [
            (session_id, session)
            for session_id, session in sessions.items()
            if is_over(session, wall_now, self._silence.seconds(session.pod, now), self._grace)
        ]
        for session_id, session in over:
            await self._end(session_id, session)
        await self._close_orphans(accounts - sessions.keys(), now)

    async def _end(self, session_id: str, session: Seen) -> None:
        held = await self._directory.read(session_id)
        if held is None or held.revision != session.revision:
            self._sight.sessions.pop(session_id)  # somebody has come back to it, or has ended it: it is read again
            return
        ended = SessionEnded(session_id=session_id, reason="account closed")
        await self._bus.publish(session_events(session_id), ended)
        await self._delete(held)

    async def _close_orphans(self, without_session: set[str], now: float) -> None:
        """An account whose log-in failed while nobody could say so to its agent would live for ever."""
        self._needs_none &= without_session
        orphans = without_session - self._needs_none
        for session_id in [one for one in orphans if one not in self._orphans]:
            if await self._directory.owner_of_orphan(session_id) is None:  # or the account is gone
                self._needs_none.add(session_id)
        orphans -= self._needs_none
        self._orphans.observe(orphans, set(), now)
        for session_id in orphans:
            if self._orphans.seconds(session_id, now) >= self._grace:
                await self._close_orphan(session_id)

    async def _close_orphan(self, session_id: str) -> None:
        owner = await self._directory.owner_of_orphan(session_id)
        if owner is None or await self._directory.read(session_id) is not None:
            return
        try:
            await self._agents.close_account(session_id, Owner(*owner))
            _log.info("account without a session closed", session=session_id)
        except RemoteError as error:
            _log.info("account without a session", session=session_id, error=str(error))

    async def _delete(self, held: Held) -> None:
        if await self._directory.delete(held):
            metrics.SWEPT.inc()
            about = {"session_id": held.record.session_id, "account": held.record.aor, "reason": "lost"}
            self._publisher.tell_now(stream.ConnectionClosed, **about)
            _log.info("session forgotten", session=held.record.session_id)
