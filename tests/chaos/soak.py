"""Load for hours: pages that call and hang up, again and again, while pods are replaced. One of each kind stays."""

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.chaos.load import Call
from bench.chaos.page import Front, Gone, Page
from bench.chaos.page_media import PageMedia
from bench.chaos.phones import PhoneCall, Phones
from bench.chaos.stream import Clock, Mouth
from tests.support.pace import spend
from tests.support.services import Cordboard, Pod, cordboard
from tests.support.until import until, until_so

from shared.tasks import Tasks

KINDS = ("signaling", "agent", "relay")
CAPACITY = 10  # of an agent and of a relay; of signaling twice as many, for all pages come to one pod
TALKERS = 14  # 70 % of what two have
TALK_SECONDS = (0.5, 3.0)
PAUSE_SECONDS = 0.25  # before somebody tries again who was refused
HEARTBEATS_SECONDS = 1.0  # then each pod of signaling has heard both agents, whose room together is needed
LEAVE_SECONDS = 120.0
SETTLE_SECONDS = 60.0
SETTINGS = {
    "SIGNALING_CAPACITY": str(2 * CAPACITY),
    "AGENT_CAPACITY": str(CAPACITY),
    "RELAY_CAPACITY": str(CAPACITY),
    "AGENT_MAX_CALLS_PER_MINUTE": "0",
    "AGENT_MAX_CALLS_PER_DAY": "0",
}


class CallingPage(Page):
    """A page for one call after the other."""

    refusal = ""  # what was said to the last request for a call

    async def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        reply = await super().ask(type, **fields)
        if type == "call":
            self.refusal = f"{reply['status']} {reply['reason']}" if reply["type"] == "error" else ""
        return reply

    async def _come_anew(self, offer: str) -> None:
        with contextlib.suppress(OSError, TimeoutError):  # the call ends while it moves, and its ports are closed
            await super()._come_anew(offer)


@dataclass
class Score:
    """What became of the calls."""

    kept: int = 0  # heard at both ends to the end, and hung up
    dropped: list[str] = field(default_factory=list)
    not_begun: Counter[str] = field(default_factory=Counter)  # by what the page was told
    replaced: Counter[str] = field(default_factory=Counter)  # pods, by kind


class Talker:
    """One page, and the phone of the call that it has; speaks for both."""

    def __init__(self, front: Front, phones: Phones, login: str, tasks: Tasks, score: Score) -> None:
        host, _, port = phones.address.rpartition(":")
        account = {"login": login, "password": "secret", "domain": "phones.test", "transport": "udp"}
        self._page = CallingPage(front, {**account, "outbound_proxy": f"{host}:{port}"}, tasks)
        self._phones = phones
        self._login = login
        self._score = score
        self._mouths: tuple[Mouth, ...] = ()

    def say(self, number: int, sent: float) -> None:
        """Send one packet from each end."""
        for mouth in self._mouths:
            mouth.say(number, sent)

    async def run(self, stop: asyncio.Event) -> None:
        """Call again and again, until it is time to log out."""
        await self._page.log_in()
        while not stop.is_set():
            await self._come_and_go()
        await self._page.until(lambda: self._page.is_there)
        await self._page.leave()

    async def _come_and_go(self) -> None:
        page = self._page
        page.media, page.state, page.refusal = PageMedia(), "none", ""
        try:
            why = await self._begin()
            if why:
                self._score.not_begun[why] += 1
                await spend(PAUSE_SECONDS)
                return
            why = await self._talk()
            if why:
                self._score.dropped.append(f"{self._login}: {why}")
            else:
                self._score.kept += 1
        finally:
            self._mouths = ()
            page.media.close()
            for phone in self._calls():
                self._phones.calls.pop(phone.call_id).media.close()

    async def _begin(self) -> str:
        """Call; return why there is no call, "" if there is one."""
        page = self._page
        try:
            await page.until(lambda: page.is_there)
            await page.dial(f"phone-of-{self._login}")
        except Gone:
            await page.until(lambda: page.is_there)  # and knows then whether there is a call
            if page.state == "none":
                return "the socket was lost"
        if page.refusal:
            return page.refusal
        await page.until(lambda: page.state in ("established", "ended"))
        return f"{page.end.get('status')} {page.end.get('reason')}" if page.state == "ended" else ""

    async def _talk(self) -> str:
        """Talk, and hang up; return what went wrong."""
        phone = next((call for call in self._calls() if not call.is_over), None)
        if phone is None:
            return "the phone was told that it is over"
        call = Call(self._page, phone)
        self._mouths = call.page.media, phone.media
        await spend(random.uniform(*TALK_SECONDS))
        try:
            await until_so(lambda: call.is_heard or call.is_told_over)
        except TimeoutError:
            return "not heard"
        if call.page.state != "established" or call.phone.is_over:
            return f"ended: {call.page.end}"
        reply = await self._hang_up(call.page)
        try:
            await until_so(lambda: call.is_told_over)
        except TimeoutError:
            return f"hung up in vain ({reply}): the page is {call.page.state}, phone over: {call.phone.is_over}"
        return ""

    @staticmethod
    async def _hang_up(page: Page) -> dict[str, Any]:
        """Ask until there is a reply, and return that: the socket may be lost meanwhile."""
        while True:
            await page.until(lambda: page.is_there)
            try:
                return await page.ask("hangup", call=page.call_id)
            except Gone:
                continue

    def _calls(self) -> list[PhoneCall]:
        return [call for call in self._phones.calls.values() if f"<sip:{self._login}@" in call.remote]


@dataclass
class Soak:
    """The cluster, and what was seen of it."""

    cluster: Cordboard
    front: Front
    score: Score = field(default_factory=Score)

    @property
    def elders(self) -> list[Pod]:
        """One of each kind, that is never replaced."""
        return [self.cluster.signaling[0], self.cluster.agents[0], self.cluster.relays[0]]

    async def load(self, seconds: float, replacing: bool = True) -> None:
        """Let all talk for so long, in which one pod of each kind is replaced; return when all have logged out."""
        tasks, clock, stop, phones = Tasks("ends"), Clock(), asyncio.Event(), await Phones.open()
        talkers = [Talker(self.front, phones, f"talker{n}", tasks, self.score) for n in range(TALKERS)]
        for talker in talkers:
            clock.add(talker)
        try:
            tasks.spawn(clock.run(), "clock")
            async with asyncio.TaskGroup() as group:
                for talker in talkers:
                    group.create_task(talker.run(stop))
                for kind in KINDS:
                    await spend(seconds / len(KINDS))
                    if replacing:
                        await self.replace(kind)
                stop.set()
        finally:
            await tasks.aclose()
            phones.close()

    async def replace(self, kind: str) -> None:
        """Start another pod, and tell the younger one of that kind to leave."""
        old = [pod for pod in self.cluster.pods if pod.kind == kind][-1]
        new = await self.cluster.start_one_more(kind)
        if kind == "signaling":
            self.front.urls = [_socket_url(new), _socket_url(self.elders[0])]
        old.stopped = True
        status = await old.process.stop(within=LEAVE_SECONDS)
        assert status == 0, f"{old.name} ended with status {status}\n{old.process.tail()}"
        self.score.replaced[kind] += 1

    async def at_rest(self) -> dict[str, object]:
        """Return what there is when nobody calls: all records, and what the elders hold."""
        await self._nothing_is_left()
        names = tuple(f"{pod.name} " for pod in self.elders)
        state = await self.cluster.resting_state()
        return {name: value for name, value in state.items() if name.startswith(("kv ", *names))}

    async def until_at_rest_as(self, before: dict[str, object]) -> None:
        """Return once all is as before: an agent may still be busy with a call that ended as it moved."""
        now = before
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while (now := await self.at_rest()) != before:
                    await spend(1.0)
        except TimeoutError:
            differs = {name: (before.get(name), now.get(name)) for name in {*before, *now}}
            differs = {name: pair for name, pair in differs.items() if pair[0] != pair[1]}
            raise AssertionError(f"not as before (before, now): {differs}\n{self.cluster.tails()}") from None

    async def _nothing_is_left(self) -> None:
        store = self.cluster.store
        busy = [f"cordboard_media_relay_{what}" for what in ("sessions_active", "ports_used", "ports_quarantined")]

        async def is_empty() -> bool:
            gauges = [await pod.metrics("gauge") for pod in self.cluster.pods if pod.kind == "relay"]
            records = [await bucket.names() for bucket in (store.calls, store.sessions, store.accounts)]
            return not any(records) and not any(one[name] for one in gauges for name in busy)

        await until(is_empty, within=30.0)

    def descriptors(self) -> dict[str, int]:
        """Return how many each elder has open."""
        return {pod.name: len(os.listdir(f"/proc/{pod.process.pid}/fd")) for pod in self.elders}

    def resident(self) -> dict[str, int]:
        """Return the bytes of memory of each elder."""
        page = os.sysconf("SC_PAGE_SIZE")
        pids = {pod.name: pod.process.pid for pod in self.elders}
        return {name: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for name, pid in pids.items()}


def _socket_url(pod: Pod) -> str:
    return f"ws://127.0.0.1:{pod.port}/ws"


@contextlib.asynccontextmanager
async def soaking(**settings: str) -> AsyncIterator[Soak]:
    """Run two pods of each kind while the block runs."""
    limits: Mapping[str, str] = SETTINGS | settings
    async with cordboard(signaling=2, agents=2, relays=2, **limits) as cluster:
        await spend(HEARTBEATS_SECONDS)
        yield Soak(cluster, Front([_socket_url(pod) for pod in reversed(cluster.signaling)]))
