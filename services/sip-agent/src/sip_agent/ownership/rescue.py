"""When another agent dies: carries out what `core.takeover` asks for, and takes over this agent's share (docs/bus.md).

Until nothing is left, or every live agent has had its turn, the records are gone through: those of sessions with calls
first.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import nats.errors
import structlog

from shared.bus import Bus
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.kv import Entry
from shared.messages import Done, Heartbeat, Message, Probe
from shared.presence import Presence
from shared.records import AccountRecord, AgentLease, LifeRecord
from shared.subjects import agent_commands, heartbeats
from sip_agent import metrics
from sip_agent.accounts.table import Accounts
from sip_agent.core.takeover.failure_detector import (
    AskHost,
    AskLease,
    AskSubject,
    DetectorOutput,
    Died,
    FailureDetector,
    Incarnation,
    Input,
    State,
)
from sip_agent.core.takeover.rendezvous import PATIENCE, is_turn_of
from sip_agent.ownership.hearing import Hearing
from sip_agent.ownership.lease import bury, find_live
from sip_agent.services import Services, command_expiry, command_id

_log = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_EVERY = 0.25
ASKED_WITHIN = 0.5
AT_ONCE = 32  # accounts, side by side
ROUNDS = 3  # after these no other agent is waited for


class Rescue:
    """`agents` learns here who is heard: one subscription serves both, as each heartbeat comes to every agent."""

    def __init__(
        self, services: Services, accounts: Accounts, agents: Presence, hearing: Hearing, detector: FailureDetector
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._agents = agents
        self._hearing = hearing
        self._detector = detector

    async def listen(self, bus: Bus) -> None:
        """Hear the other agents."""
        await bus.serve(heartbeats("agent"), self._on_beat)

    async def _on_beat(self, beat: Message) -> Message | None:
        if isinstance(beat, Heartbeat):
            now = time.monotonic()
            self._agents.hear(beat, now)
            if beat.pod != self._services.agent:
                self._detector.hear(Incarnation(beat.pod, beat.incarnation, beat.address), now)
                self._drain()
        return None

    async def watch(self) -> None:
        """Judge the others for ever; when we begin to hear, look for what was left while nobody was there."""
        is_first = True
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = time.monotonic()
            if not self._hearing.is_good(now):
                self._detector.deaf(now)
                continue
            if is_first:
                is_first = False
                _log.info("ready to judge", agents=len(self._agents.live(now)))
                self._services.tasks.spawn(self._look_for_leftovers(now), "look for leftovers")
            self._detector.look(now)
            self._drain()

    # -- who is dead

    def _drain(self) -> None:
        for output in self._detector.take_output():
            self._services.tasks.spawn(self._carry_out(output), type(output).__name__)

    async def _carry_out(self, output: DetectorOutput) -> None:
        match output:
            case AskSubject(whom):
                await self._ask_subject(whom)
            case AskHost(whom):
                await self._ask_host(whom)
            case AskLease(whom):
                await self._ask_lease(whom)
            case Died(whom, proof):
                await self._died(whom, proof)
        self._drain()

    async def _ask_subject(self, whom: Incarnation) -> None:
        probe = Probe(id=command_id(), expires_at=command_expiry())
        try:
            await self._services.bus.request(agent_commands(whom.agent), probe, Done, ASKED_WITHIN)
        except NoOwner:
            _log.info("nobody answers", agent=whom.agent)
            self._detector.nobody(whom)
        except DeadlineExceeded:  # its server may not have noticed yet that it is gone
            _log.info("no answer", agent=whom.agent)
        except RemoteError:
            self._detector.answered(whom, time.monotonic())
        else:
            self._detector.answered(whom, time.monotonic())

    async def _ask_host(self, whom: Incarnation) -> None:
        host, _, port = whom.address.rpartition(":")
        if not host:
            return
        try:
            async with asyncio.timeout(ASKED_WITHIN):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except ConnectionRefusedError:
            self._detector.refused(whom)
        except OSError as error:  # a time-out too: nobody can tell
            _log.info("host takes no connection", agent=whom.agent, error=repr(error))
        else:
            self._detector.taken(whom)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask_lease(self, whom: Incarnation) -> None:
        try:
            lease = await find_live(self._services.store.leases, whom.agent)
        except nats.errors.Error as error:
            _log.info("lease not read", agent=whom.agent, error=repr(error))
            return
        if lease is None or lease.incarnation != whom.id:
            self._detector.leaseless(whom, time.monotonic())

    async def _died(self, whom: Incarnation, proof: Input) -> None:
        is_proven = proof is not Input.ENDED
        mark = AgentLease(agent=whom.agent, incarnation=whom.id, address=whom.address)
        if not await self._insist(lambda: bury(self._services.store.leases, mark, is_proven)):
            _log.warning("not dead after all", agent=whom.agent)
            self._detector.hear(whom, time.monotonic())
            return
        last = self._agents.last(whom.agent)
        if last is not None and last[0].draining and proof is Input.REFUSED:
            _log.info("agent has left", agent=whom.agent)
        else:
            metrics.AGENTS_DIED.labels(proof.name.lower()).inc()
            _log.warning("agent died", agent=whom.agent, incarnation=whom.id, proof=proof.value)
        self._services.whereabouts.died(whom.address)
        await self._recover(whom)
        self._detector.forget(whom)

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it as soon as KV is there and the lease is ours; once more if that has ended meanwhile.

        Without it nothing can be taken over, and nobody else may be there to do so.
        """
        lease = self._services.lease
        while True:
            try:
                if lease.held():
                    done = await work()
                    if lease.held():
                        return done
                _log.warning("no lease: what others have left must wait")
            except nats.errors.Error as error:
                _log.warning("kv is out of reach", error=repr(error))
            await asyncio.sleep(PATIENCE)

    # -- what it has left

    async def _recover(self, whom: Incarnation) -> None:
        """Go through what one left until every agent has had its turn; then ours is all that is left."""
        began = time.monotonic()
        for _ in range(ROUNDS):
            await self._insist(lambda: self._go_through(whom, began))
            if not self._others():
                break
            await asyncio.sleep(PATIENCE)
        await self._finish(whom)

    async def _finish(self, whom: Incarnation) -> None:
        await self._insist(lambda: self._go_through(whom, float("-inf"), is_last=True))

    async def _look_for_leftovers(self, now: float) -> None:
        """Go through what those left that died unseen; through all accounts, if nobody has since there are entries."""
        index, own = self._services.owner_index, self._services.lease.incarnation
        lives = await self._insist(index.lives)
        if not any(life.has_looked for life in lives):
            await self._insist(lambda: self._go_through(None, now))
        dead = {_whom(life): life for life in lives if life.incarnation != own and self._is_dead(life)}
        await asyncio.gather(*(self._insist(partial(self._go_through, whom, now)) for whom in dead))
        self._accounts.is_settling = False
        await index.has_looked(own)
        rest = (self._finish(whom) if life.is_over else self._recover(whom) for whom, life in dead.items())
        await asyncio.gather(*rest)

    def _is_dead(self, life: LifeRecord) -> bool:
        """Whether an agent's life has ended; one of which nothing is known is looked after from now on."""
        return life.is_over or life.agent == self._services.agent or self._is_known_dead(_whom(life))

    def _others(self) -> set[str]:
        return {beat.pod for beat in self._agents.live(time.monotonic()) if not beat.draining} - {self._services.agent}

    async def _go_through(self, whom: Incarnation | None, ownerless_since: float, is_last: bool = False) -> None:
        """Take over what one left and is for us by now. `is_last`: after this nothing is its own."""
        if self._accounts.is_draining:
            return
        index = self._services.owner_index
        entries = None if whom is None else await index.find(whom.id)
        # One that writes no entries is of a version before them.
        names = await self._services.store.accounts.names() if entries is None else entries
        ended = whom.id if whom is not None and entries is not None and is_last else ""
        left = await self._find_left(self._ours(names, time.monotonic() - ownerless_since), ended)
        if left:
            calls = await self._find_calls(left)
            turn = iter(sorted(left, key=lambda entry: entry.record.session_id not in calls))
            await asyncio.gather(*(self._take_each(turn, calls) for _ in range(AT_ONCE)))
        if ended:
            await index.end(ended)

    async def _find_left(self, names: Iterator[str], ended: str) -> list[Entry[AccountRecord]]:
        """Return the accounts that are left; entries of an `ended` life for what is not its own are removed."""
        found: list[Entry[AccountRecord]] = []

        async def read_each() -> None:
            for name in names:  # an iterator that all readers share
                entry = await self._services.store.accounts.get(name)
                if entry is not None and self._is_left(entry.record):
                    found.append(entry)
                elif ended and (entry is None or entry.record.incarnation != ended):
                    await self._services.owner_index.forget(ended, name)

        await asyncio.gather(*(read_each() for _ in range(AT_ONCE)))
        return found

    async def _find_calls(self, left: Sequence[Entry[AccountRecord]]) -> dict[str, list[str]]:
        """Return the calls of those accounts that have any."""
        found: dict[str, list[str]] = {}
        entries = iter(left)

        async def find_each() -> None:
            for entry in entries:  # an iterator that all share
                session_id = entry.record.session_id
                if names := await self._services.store.calls.names_of(session_id):
                    found[session_id] = names

        await asyncio.gather(*(find_each() for _ in range(AT_ONCE)))
        return found

    def _ours(self, session_ids: Iterable[str], ownerless_for: float) -> Iterator[str]:
        # One by one, as they are read: all at once would keep a big cluster's agents from telling that they live.
        others = self._others()
        return (name for name in session_ids if is_turn_of(self._services.agent, name, others, ownerless_for))

    async def _take_each(self, left: Iterator[Entry[AccountRecord]], calls: Mapping[str, Sequence[str]]) -> None:
        for entry in left:
            session_id = entry.record.session_id
            try:
                await self._accounts.inherit(entry, calls.get(session_id, ()))
            except RemoteError as error:  # another was faster, or it is being opened
                _log.info("account not taken over", session=session_id, error=str(error))
            except Exception:  # the boundary of one account: the next is no worse for it
                _log.exception("account not taken over", session=session_id)
            else:
                await self._services.owner_index.forget(entry.record.incarnation, session_id)
                metrics.ACCOUNTS_TAKEN_OVER.inc()
                _log.info("account taken over", session=session_id, former=entry.record.owner)

    def _is_left(self, record: AccountRecord) -> bool:
        """Whether its owner is dead; one of which nothing is known is looked after from now on."""
        if record.owner == self._services.agent:
            return record.incarnation not in ("", self._services.lease.incarnation)
        _, _, address = record.contact.rpartition("@")
        whom = Incarnation(record.owner, record.incarnation, address.partition(";")[0])
        return bool(record.incarnation) and self._is_known_dead(whom)

    def _is_known_dead(self, whom: Incarnation) -> bool:
        state = self._detector.state(whom.agent, whom.id)
        if state is None:
            self._detector.suspect(whom, time.monotonic())
        return state is State.DEAD


def _whom(life: LifeRecord) -> Incarnation:
    return Incarnation(life.agent, life.incarnation, life.address)
