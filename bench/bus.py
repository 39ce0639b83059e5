"""`python -m bench.bus`: what messages, records and listings cost a NATS server and the pod that asks.

One pod's connection, as in the services, on one core; the server on the other. With three servers, which all share
that core, a record is written to all three, and their CPU is the sum.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterator

import msgspec
import nats.errors
import nats.js.errors
from tests.support.call_records import call_record

from bench.calls.cordboard import Nats, nats_server
from bench.calls.process import free_port
from shared.bus import Bus, expiry
from shared.ids import new_id
from shared.messages import Done, Heartbeat, Message, Probe, SipAccount
from shared.records import AccountRecord, CallRecord
from shared.settings import CommonSettings
from shared.shelves import Index, OwnedBuckets, ShelvedBucket
from shared.store import Store, open_store
from shared.subjects import agent_commands, heartbeat, heartbeats, session_events
from sip_agent.core.takeover.rendezvous import is_turn_of

SERVER_CORE, OWN_CORE = 0, 1
SECONDS = 2.0
AT_ONCE = 64
LISTENERS = 20
AGENTS = 100
OWNERS = 20
LEG_BYTES = 2500  # of a call's SIP side
OPEN_WITHIN = 30.0
ROW = "{:<54} {:>9} {:>14} {:>12}"


class Clocks:
    """CPU of the servers and of this process."""

    def __init__(self, servers: list[Nats]) -> None:
        self._servers = servers

    def read(self) -> tuple[float, float, float]:
        """Return the time, and CPU seconds of both."""
        servers = sum(server.process.cpu_seconds() for server in self._servers)
        return time.monotonic(), servers, time.process_time()

    async def show(self, name: str, work: Callable[[], Awaitable[int]]) -> None:
        """Print what each unit of a piece of work costs, which returns how many it did."""
        before = self.read()
        units = await work()
        seconds, servers, own = (now - then for now, then in zip(self.read(), before, strict=True))
        print(
            ROW.format(name, f"{units / seconds:.0f}", f"{servers / units * 1e6:.1f}", f"{own / units * 1e6:.1f}"),
            flush=True,
        )


async def _side_by_side(work: Callable[[], Awaitable[object]]) -> int:
    """Do something over and over, many at once; return how often."""
    until, done = time.monotonic() + SECONDS, 0

    async def again() -> None:
        nonlocal done
        while time.monotonic() < until:
            await work()
            done += 1

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    return done


async def _beats(bus: Bus, listeners: list[Bus]) -> int:
    """Tell heartbeats to many; return how often one was heard."""
    heard, all_heard = 0, asyncio.Event()
    expected = 200 * LISTENERS * LISTENERS

    async def hear(_message: Message) -> Message | None:
        nonlocal heard
        heard += 1
        if heard == expected:
            all_heard.set()
        return None

    for listener in listeners:
        await listener.serve(heartbeats("agent"), hear)
        await listener.settle()
    beat = Heartbeat(kind="agent", pod="agent-bench", load=1, capacity=100)
    for number in range(expected // LISTENERS):
        await bus.publish(heartbeat("agent", "agent-bench"), beat)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)  # nobody is to be so slow that the server leaves him out
    async with asyncio.timeout(OPEN_WITHIN):
        await all_heard.wait()
    return heard


def _record(session_id: str) -> AccountRecord:
    account = SipAccount(login="user", domain="sip.test", sealed_password="x" * 80, register_required=True)
    contact = f"sip:{session_id}@10.0.0.1:5060"
    return AccountRecord(session_id=session_id, account=account, owner="agent-0", epoch=1, pod="pod-0", contact=contact)


async def _records(clocks: Clocks, accounts: ShelvedBucket[AccountRecord], title: str, count: int) -> list[str]:
    """Show what writes cost, of records that are there and then are listed and read."""
    names = [new_id("s", os.urandom) for _ in range(count)]
    waiting = iter(names)
    revisions: dict[str, int] = {}

    async def create() -> None:
        for name in waiting:
            revisions[name] = await accounts.create(name, _record(name))

    async def create_all() -> int:
        await asyncio.gather(*(create() for _ in range(AT_ONCE)))
        return count

    await clocks.show(f"record written where there is none, {title}", create_all)
    turns = itertools.cycle(names)

    async def update() -> None:
        name = next(turns)
        revisions[name] = await accounts.update(name, _record(name), revisions[name])

    await clocks.show(f"record written anew, {title}", lambda: _side_by_side(update))
    return names


async def _takeover(clocks: Clocks, accounts: ShelvedBucket[AccountRecord], names: list[str]) -> None:
    """Show what an agent does, for each account there is, when another has died."""
    others = [f"agent-{number}" for number in range(AGENTS)]
    turns = itertools.cycle(names)

    async def listing() -> int:
        return len(await accounts.listed())

    async def reading() -> int:
        return len([change.name async for change in accounts.changes(0)])

    async def turns_taken() -> int:
        for name in names:
            is_turn_of(others[0], name, others, 0.0)
        return len(names)

    await clocks.show("name of a record, listed with all others", listing)
    await clocks.show("record read with all others", reading)
    await clocks.show("record read", lambda: _side_by_side(lambda: accounts.get(next(turns))))
    await clocks.show(f"whose turn it is, among {AGENTS} agents", turns_taken)


async def _index(clocks: Clocks, owned: Index, names: list[str], title: str) -> None:
    """Show what it costs to keep account of who owns what, and to ask what one of many owns."""
    owners = itertools.cycle(f"incarnation-{number}" for number in range(OWNERS))
    waiting = iter(zip(owners, names, strict=False))

    async def add() -> None:
        for owner, name in waiting:
            await owned.add(owner, name)

    async def add_all() -> int:
        await asyncio.gather(*(add() for _ in range(AT_ONCE)))
        return len(names)

    async def listing() -> int:
        return sum([len(await owned.names(owner)) for owner, _ in zip(owners, range(OWNERS), strict=False)])

    await clocks.show(f"entry of an account under its owner, {title}", add_all)
    await clocks.show(f"name listed of one owner's, of {OWNERS}, {title}", listing)


async def _calls(clocks: Clocks, calls: OwnedBuckets[CallRecord], count: int) -> None:
    """Show what it costs to find calls by the session that has them, where most have none, and by their name alone."""
    sessions = {new_id("c", os.urandom): new_id("s", os.urandom) for _ in range(count)}
    waiting = iter(sessions.items())

    async def create() -> None:
        for name, session_id in waiting:
            await calls.of(session_id).create(name, _call(name, session_id))

    async def create_all() -> int:
        await asyncio.gather(*(create() for _ in range(AT_ONCE)))
        return count

    await clocks.show(f"call written where there is none, of {count} at last", create_all)
    turns, others = itertools.cycle(sessions.items()), itertools.count()
    await clocks.show(
        f"session without a call asked for its calls, of {count}",
        lambda: _side_by_side(lambda: calls.names_of(f"s-none-{next(others)}")),
    )
    await clocks.show(
        f"session with a call asked for its calls, of {count}",
        lambda: _side_by_side(lambda: calls.names_of(next(turns)[1])),
    )
    await clocks.show(
        f"call found by its name alone, of {count}, and read",
        lambda: _side_by_side(lambda: calls.get(next(turns)[0])),
    )


def _call(call_id: str, session_id: str) -> CallRecord:
    return call_record(call_id, session_id, leg=msgspec.Raw(msgspec.json.encode("x" * LEG_BYTES)))


@contextlib.contextmanager
def _servers(count: int) -> Iterator[list[Nats]]:
    """Run a cluster, or one server."""
    ports = [free_port() for _ in range(count)]
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
    with contextlib.ExitStack() as stack:
        options = [
            ("-server_name", f"bench-{port}", "-cluster_name", "bench", "-cluster", f"nats://127.0.0.1:{port}")
            for port in ports
        ]
        of_cluster = [(*one, "-routes", routes) if count > 1 else () for one in options]
        yield [stack.enter_context(nats_server(SERVER_CORE, *one)) for one in of_cluster]


async def _open_store(bus: Bus, replicas: int) -> Store:
    """Open the buckets once the cluster has a leader."""
    async with asyncio.timeout(OPEN_WITHIN):
        while True:
            try:
                return await open_store(bus, replicas)
            except (nats.errors.Error, nats.js.errors.Error):
                await asyncio.sleep(0.2)


async def _one_server(records: int) -> None:
    with _servers(1) as servers:
        clocks = Clocks(servers)
        buses = [await _connect(servers[0], f"bench-{number}") for number in range(LISTENERS)]
        await clocks.show("heartbeat heard, of one that many hear", lambda: _beats(buses[0], buses))
        await buses[1].serve(agent_commands("bench"), _done)
        await buses[1].settle()
        numbers = itertools.count()

        async def ask() -> None:
            probe = Probe(id=f"bench-{next(numbers)}", expires_at=expiry())
            await buses[0].request(agent_commands("bench"), probe, Done)

        await clocks.show("command and its reply; own: of both ends", lambda: _side_by_side(ask))
        held = servers[0].process.resident_kib()
        for number in range(records):
            await buses[number % LISTENERS].serve(session_events(f"s-bench-{number}"), _done)
        for bus in buses:
            await bus.settle()
        kib = (servers[0].process.resident_kib() - held) / records
        print(f"memory of the server: {kib:.2f} KiB for a session's subscription", flush=True)
        store = await _open_store(buses[0], 1)
        held = servers[0].process.resident_kib()
        names = await _records(clocks, store.accounts, "one server", records)
        print(f"memory of the server: {(servers[0].process.resident_kib() - held) / records:.2f} KiB for a record")
        await _takeover(clocks, store.accounts, names)
        await _index(clocks, store.owned, names, "one server")
        await _calls(clocks, store.calls, records)
        for bus in buses:
            await bus.aclose()


async def _done(_message: Message) -> Message | None:
    return Done()


async def _three_servers(records: int) -> None:
    with _servers(3) as servers:
        bus = await _connect(servers[0], "bench")
        store = await _open_store(bus, 3)
        clocks = Clocks(servers)
        names = await _records(clocks, store.accounts, "three servers", records)
        await _index(clocks, store.owned, names, "three servers")
        await bus.aclose()


async def _connect(server: Nats, pod: str) -> Bus:
    return await Bus.connect(CommonSettings(nats_url=server.url, pod=pod))


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(prog="python -m bench.bus")
    arguments.add_argument("--records", type=int, default=20_000)
    records = arguments.parse_args().records
    os.sched_setaffinity(0, {OWN_CORE})
    print(ROW.format("", "a second", "server CPU us", "own CPU us"))
    asyncio.run(_one_server(records))
    asyncio.run(_three_servers(records))


if __name__ == "__main__":
    main()
