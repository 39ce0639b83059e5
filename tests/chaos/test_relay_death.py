"""A relay dies or drains under calls: how many are kept, and for how long nothing is heard, measured at both ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
import pytest
from tests.support.bus_seats import account, pretend_signaling
from tests.support.measured_calls import Ear, MeasuredPage, MeasuredPhone
from tests.support.services import DOMAIN, SECRET, USERS, Cordboard, Pod, cordboard
from tests.support.until import until

from shared.messages import CallEnded
from shared.tasks import Tasks

CALLS = 6  # with phones; and two between pages


@dataclass
class Stage:
    """A cluster with two relays, and calls that are all at the first of them."""

    cluster: Cordboard
    pages: list[MeasuredPage]
    ears: list[Ear]

    @property
    def relay(self) -> Pod:
        """The one that the calls are at."""
        return self.cluster.relays[0]

    def ended(self) -> list[CallEnded]:
        """The calls that did not stay."""
        return [event for page in self.pages for event in page.events if isinstance(event, CallEnded)]

    async def gaps(self, begin: float) -> list[float]:
        """Return for how long nothing was heard at each end since then, longest last; all hear again."""
        await asyncio.gather(*(ear.hears() for ear in self.ears))
        return sorted(ear.gap_since(begin) for ear in self.ears)

    async def all_at(self, relay: Pod) -> None:
        """Wait until the records say that every call is at that relay for good: both ends of those between pages."""

        async def are_there() -> bool:
            return await self._places() == [(relay.name, False)] * len(self.pages)

        await until(are_there)
        assert self.ended() == []

    async def _places(self) -> list[tuple[str, bool]]:
        """Where the calls are, and whether they move; a record that is being written may be in no list."""
        store = self.cluster.store
        entries = [await store.calls.get(name) for name in await store.calls.names()]
        records = [entry.record for entry in entries if entry]
        return [(record.media.relay if record.media else "", record.is_moving) for record in records]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    tasks = Tasks("ends")
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(cordboard(signaling=0, agents=1, relays=2))
        stack.push_async_callback(tasks.aclose)
        pretend_signaling(cluster.bus, tasks)
        await cluster.agents[0].process.wait_for_output("relays are judged")
        made = Stage(cluster, [], [])
        for number in range(CALLS):
            phone = await MeasuredPhone.open(tasks)
            stack.callback(phone.close)
            page = await _page(cluster, f"user-{number}", "example.com", tasks, phone.sip.address)
            await page.dial("bob")
            made.pages.append(page)
            made.ears += [page.ear, phone.ear]
        for caller, callee in (("alice", "bob"), ("carol", "dave")):
            one, other = [await _page(cluster, user, DOMAIN, tasks) for user in (caller, callee)]
            await one.dial(callee)
            made.pages += [one, other]
            made.ears += [one.ear, other.ear]
        for page in made.pages:
            stack.push_async_callback(page.aclose)
        await asyncio.gather(*(ear.hears() for ear in made.ears))
        yield made


async def _page(cluster: Cordboard, user: str, domain: str, tasks: Tasks, proxy: str = "") -> MeasuredPage:
    page = MeasuredPage(cluster.bus, cluster.agents[0].name, tasks, cluster.relays[0].name)
    theirs = account(SECRET, page.session_id, user, USERS.get(user, "secret"), domain)
    if proxy:
        theirs = msgspec.structs.replace(theirs, outbound_proxy=proxy, transport="udp", register_required=False)
    page.account = theirs
    await page.sit()
    await page.open()
    if not proxy:
        await page.registration("registered")
    return page


def told(what: str, gaps: list[float]) -> str:
    """Return the figures, in a line."""
    p50, p95 = gaps[len(gaps) // 2], gaps[int(len(gaps) * 0.95)]
    return (
        f"{what}: {len(gaps)} ends, gap p50 {p50 * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms, longest {gaps[-1] * 1e3:.0f} ms"
    )


async def test_every_call_is_kept_when_its_relay_dies_and_is_heard_again_soon(stage: Stage) -> None:
    begin = asyncio.get_running_loop().time()
    await stage.relay.kill()
    gaps = await stage.gaps(begin)
    print(told("kill -9", gaps))
    await stage.all_at(stage.cluster.relays[1])
    assert gaps[-1] < 2.0, told("kill -9", gaps)


async def test_every_call_leaves_a_relay_that_drains_and_hardly_anybody_notices(stage: Stage) -> None:
    begin = asyncio.get_running_loop().time()
    await stage.relay.stop()
    gaps = await stage.gaps(begin)
    print(told("drain", gaps))
    await stage.all_at(stage.cluster.relays[1])
    assert gaps[-1] < 0.3, told("drain", gaps)
