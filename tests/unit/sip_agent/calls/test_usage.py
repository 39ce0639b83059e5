"""Calls counted while NATS is not what it should be; tests/integration/test_usage.py has NATS itself."""

import random

import nats.errors
import pytest
from tests.support.bus_seats import eventually

from shared import kv
from shared.errors import RemoteError
from shared.kv import Entry
from shared.records import AgentLease, UsageRecord
from shared.tasks import Tasks
from sip_agent.calls.usage import Usage
from sip_agent.core.policy.usage import Caps

OWN = AgentLease(agent="agent-1", incarnation="i-1", address="192.0.2.1:5060")


class Bucket(kv.Bucket[UsageRecord]):
    """One that can lose an acknowledgement."""

    def __init__(self) -> None:
        self.records: dict[str, UsageRecord] = {}
        self.loses_next = False

    async def get(self, name: str) -> Entry[UsageRecord] | None:
        return Entry(self.records[name], 1) if name in self.records else None

    async def create(self, name: str, record: UsageRecord, ttl: float = 0.0) -> int:
        return await self.update(name, record, 0)

    async def update(self, name: str, record: UsageRecord, revision: int, ttl: float = 0.0) -> int:
        self.records[name] = record
        if self.loses_next:
            self.loses_next = False
            raise nats.errors.TimeoutError
        return 1


def make_usage(bucket: Bucket, tasks: Tasks, caps: Caps) -> Usage:
    return Usage(bucket, bucket, caps, lambda: OWN, tasks, lambda: 0.0, random.random)  # type: ignore[arg-type]


async def test_a_call_that_may_have_been_counted_but_is_not_made_is_taken_out() -> None:
    bucket, tasks = Bucket(), Tasks("usage")
    usage = make_usage(bucket, tasks, Caps(1, 0, 0))
    bucket.loses_next = True
    with pytest.raises(RemoteError, match="503"):
        await usage.begin("alice@example.com", "c-1")
    await eventually(lambda: not bucket.records["alice@example.com"].live)
    await usage.begin("alice@example.com", "c-2")
    await tasks.aclose()


@pytest.mark.parametrize("concurrent", [0, 1])
async def test_nothing_is_kept_of_addresses_without_a_call_here(concurrent: int) -> None:
    bucket, tasks = Bucket(), Tasks("usage")
    usage = make_usage(bucket, tasks, Caps(concurrent, 60, 1000))
    for number in range(10):
        await usage.begin(f"guest-{number}@example.com", "c-1")
        usage.end(f"guest-{number}@example.com", "c-1")
    await eventually(lambda: not usage._known)
    assert len(bucket.records) == 10
    await tasks.aclose()
