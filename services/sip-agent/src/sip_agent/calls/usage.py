"""The calls of each address of record, counted across the cluster in KV `usage`; `core.policy.usage` has the rules."""

import asyncio
from collections.abc import Callable

import msgspec
import nats.errors
import structlog

from shared.errors import RemoteError
from shared.kv import Bucket, Conflict, Entry
from shared.records import AgentLease, CountedCall, UsageRecord
from shared.tasks import Tasks
from sip_agent import metrics
from sip_agent.core.policy.usage import CapReached, Caps, begin, without
from sip_agent.ownership.lease import find_live

_log = structlog.get_logger(__name__)

RETRY_FIRST, RETRY_MOST = 0.5, 10.0


class Usage:
    """A call that an agent did not live to end is taken out once its lease is gone, when it stands in the way."""

    def __init__(
        self,
        bucket: Bucket[UsageRecord],
        leases: Bucket[AgentLease],
        caps: Caps,
        own: Callable[[], AgentLease],
        tasks: Tasks,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._bucket = bucket
        self._leases = leases
        self._caps = caps
        self._own = own
        self._tasks = tasks
        self._clock = clock
        self._chance = chance
        # What we wrote last, of addresses with live calls here: mostly nobody else has written since.
        self._known: dict[str, Entry[UsageRecord]] = {}

    def _call(self, call_id: str) -> CountedCall:
        own = self._own()
        return CountedCall(call_id=call_id, agent=own.agent, incarnation=own.incarnation)

    async def begin(self, aor: str, call_id: str) -> None:
        """Count a call before it is made; raise `CapReached` if it is one too many."""
        if self._caps.is_off:
            return
        try:
            await self._begin(aor, call_id)
        except CapReached as reached:
            metrics.CALLS_CAPPED.labels(reached.cap).inc()
            _log.warning("call limit reached", aor=aor, cap=reached.cap, call=call_id)
            raise
        except (Conflict, nats.errors.Error) as error:
            _log.warning("call not counted", aor=aor, call=call_id, error=repr(error))
            self.end(aor, call_id)  # it may have been written all the same, and only the acknowledgement lost
            raise RemoteError(503, "Service Unavailable") from error

    async def _begin(self, aor: str, call_id: str) -> None:
        def add(record: UsageRecord) -> UsageRecord:
            return begin(record, self._call(call_id), self._caps, self._clock())

        try:
            await self._change(aor, add)
        except CapReached as reached:
            gone = [call for call in reached.live if not await self._is_held(call)]
            if not gone:
                raise
            await self._change(aor, lambda record: add(without(record, gone.__contains__)))

    async def _is_held(self, call: CountedCall) -> bool:
        if call == self._call(call.call_id):
            return True
        lease = await find_live(self._leases, call.agent)
        return lease is not None and lease.incarnation == call.incarnation

    def end(self, aor: str, call_id: str) -> None:
        """Take a call out again, in the background; one that was not counted changes nothing."""
        if self._caps.concurrent:
            own = self._call(call_id)
            change = self._surely(aor, call_id, lambda record: without(record, own.__eq__))
            self._tasks.spawn(change, f"usage {call_id}")

    def adopt(self, aor: str, call_id: str) -> None:
        """Count a call of another agent as ours, in the background: it would count no longer than that one's lease."""
        if self._caps.concurrent:
            self._tasks.spawn(self._surely(aor, call_id, self._as_ours(call_id)), f"usage {call_id}")

    def _as_ours(self, call_id: str) -> Callable[[UsageRecord], UsageRecord]:
        def change(record: UsageRecord) -> UsageRecord:
            live = tuple(self._call(call_id) if call.call_id == call_id else call for call in record.live)
            return msgspec.structs.replace(record, live=live)

        return change

    async def _surely(self, aor: str, call_id: str, change: Callable[[UsageRecord], UsageRecord]) -> None:
        pause = RETRY_FIRST
        while True:
            try:
                await self._change(aor, change)
            except (Conflict, nats.errors.Error) as error:
                # Not given up: as long as we live, the call would count.
                _log.warning("call not counted rightly yet", aor=aor, call=call_id, error=repr(error))
                await asyncio.sleep(pause)
                pause = min(RETRY_MOST, 2 * pause)
            else:
                return

    async def _change(self, aor: str, change: Callable[[UsageRecord], UsageRecord]) -> None:
        nothing = UsageRecord(aor=aor)

        def decide(record: UsageRecord | None) -> UsageRecord | None:
            new = change(record or nothing)
            return None if record is None and new == nothing else new

        known = self._known.pop(aor, None)
        try:
            entry = await self._bucket.change(aor, decide, self._chance, known=known)
        except CapReached:
            if known is None:
                raise
            entry = await self._bucket.change(aor, decide, self._chance)  # others may have ended theirs since
        if entry is not None and any(call.agent == self._own().agent for call in entry.record.live):
            self._known[aor] = entry
