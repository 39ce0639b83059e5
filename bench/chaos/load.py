"""A hundred calls with tones and twenty that ring, half of these called by pages and half by phones."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.pace import spend
from tests.support.until import until_so

from shared.tasks import Tasks
from sip_agent.core.syntax.message import Response

from .page import Front, Gone, Page
from .phones import PhoneCall, Phones
from .stream import Clock

AT_ONCE = 10
HEARD_SECONDS = 1.0
HEARD_PACKETS = 10  # in that time, of 25
BEGIN_SECONDS = 60.0


@dataclass
class Call:
    """Both ends of a call."""

    page: Page
    phone: PhoneCall

    @property
    def is_heard(self) -> bool:
        """Whether both ends have heard the other one in the last second."""
        since = time.time() - HEARD_SECONDS
        ears = self.page.media.ear, self.phone.media.ear
        return all(ear.has_heard(HEARD_PACKETS, since) for ear in ears)

    @property
    def is_told_over(self) -> bool:
        """Whether both ends know that the call is over."""
        return self.page.state == "ended" and self.phone.is_over

    async def what_fails(self, phones: Phones) -> str:
        """Use the call, and hang up; return what does not work, "" if all does."""
        if self.page.state != "established":
            end = self.page.end
            return f"the page was told {end.get('status')} {end.get('reason')}"
        if self.phone.is_over:
            return "the phone was told that it is over"
        try:
            return await self._tried(phones)
        except Gone:
            return "the page has no socket"

    async def _tried(self, phones: Phones) -> str:
        infos = self.phone.infos
        steps = (
            ("OPTIONS", lambda: _is_ok(phones.request(self.phone, "OPTIONS"))),
            ("a digit", lambda: self._is_done("dtmf", digits="5", method="info")),
            ("INFO", lambda: _comes_true(lambda: self.phone.infos > infos)),
            ("media", lambda: _comes_true(lambda: self.is_heard)),
            ("hanging up", lambda: self._is_done("hangup")),
            ("BYE", lambda: _comes_true(lambda: self.is_told_over)),
        )
        for name, step in steps:
            try:
                if not await step():
                    return f"{name} was refused"
            except TimeoutError:
                return f"{name} was in vain"
        return ""

    async def _is_done(self, type: str, **fields: str) -> bool:
        reply = await self.page.ask(type, call=self.page.call_id, **fields)
        return bool(reply["type"] == "ok")


async def _is_ok(asked: Awaitable[Response]) -> bool:
    return (await asked).status == 200


async def _comes_true(is_so: Callable[[], bool]) -> bool:
    await until_so(is_so)
    return True


@dataclass
class Ringing:
    """What became of the calls that rang."""

    answered: int = 0
    told: int = 0  # they ended, and both ends know
    lost: int = 0


@dataclass
class Load:
    """Pages and phones in calls."""

    front: Front
    phones: Phones
    tasks: Tasks
    clock: Clock = field(default_factory=Clock)
    established: list[Call] = field(default_factory=list)
    ringing: list[Call] = field(default_factory=list)
    _pages: list[Page] = field(default_factory=list)

    async def begin(self, established: int, ringing: int) -> None:
        """Log in and call; return when all are heard, or ring."""
        self.tasks.spawn(self.clock.run(), "clock")
        gate = asyncio.Semaphore(AT_ONCE)
        self.established = await asyncio.gather(*(self._talk(gate, f"user{n}") for n in range(established)))
        ways = (self._call_a_phone, self._call_a_page)
        self.ringing = await asyncio.gather(*(ways[n % 2](gate, f"ringer{n}") for n in range(ringing)))
        await until_so(lambda: all(call.is_heard for call in self.established), BEGIN_SECONDS)

    async def _log_in(self, login: str) -> Page:
        host, _, port = self.phones.address.rpartition(":")
        account = {"login": login, "password": "secret", "domain": "phones.test", "transport": "udp"}
        page = Page(self.front, {**account, "outbound_proxy": f"{host}:{port}"}, self.tasks)
        self._pages.append(page)
        await page.log_in()
        return page

    async def _talk(self, gate: asyncio.Semaphore, login: str) -> Call:
        async with gate:
            page = await self._log_in(login)
            await page.dial(f"phone-of-{login}")
            await page.until(lambda: page.state == "established")
        return self._speaking(Call(page, self._phone_of(login)))

    async def _call_a_phone(self, gate: asyncio.Semaphore, login: str) -> Call:
        async with gate:
            page = await self._log_in(login)
            await page.dial(f"rings-{login}")
            await page.until(lambda: page.state == "ringing")
        return self._speaking(Call(page, self._phone_of(login)))

    async def _call_a_page(self, gate: asyncio.Semaphore, login: str) -> Call:
        async with gate:
            page = await self._log_in(login)
            phone = await self.phones.dial(login)
            await page.until(lambda: page.state == "ringing")
        return self._speaking(Call(page, phone))

    def _phone_of(self, login: str) -> PhoneCall:
        return next(call for call in self.phones.calls.values() if f"<sip:{login}@" in call.remote)

    def _speaking(self, call: Call) -> Call:
        self.clock.add(call.page.media)
        self.clock.add(call.phone.media)
        return call

    async def until_settled(self, agents: set[int], within: float) -> None:
        """Return when all calls are heard and all accounts bound at these agents, or it is clear that some are not."""

        def is_settled() -> bool:
            bound = all(bindings.uris.keys() & agents for bindings in self.phones.bindings.values())
            return bound and all(call.is_heard for call in self.established)

        try:
            await until_so(is_settled, within)
        except TimeoutError:
            return  # the table will say how many

    async def kept(self) -> tuple[list[Call], list[str]]:
        """Return the established calls that are in use still and can be hung up, and what fails in the others."""
        failures = await asyncio.gather(*(call.what_fails(self.phones) for call in self.established))
        kept = [call for call, failure in zip(self.established, failures, strict=True) if not failure]
        return kept, [failure for failure in failures if failure]

    async def answer_all(self, within: float = 15.0) -> Ringing:
        """Answer whatever rings, and see what becomes of it."""
        outcomes = await asyncio.gather(*(self._answer(call, within) for call in self.ringing))
        return Ringing(outcomes.count("answered"), outcomes.count("told"), outcomes.count("lost"))

    async def _answer(self, call: Call, within: float) -> str:
        try:
            if call.page.offer and call.page.state == "ringing":
                await call.page.answer()
            elif call.phone.pending is not None:
                self.phones.answer(call.phone)
            await until_so(lambda: call.is_heard or call.is_told_over, within)
        except (TimeoutError, Gone):
            return "lost"
        return "told" if call.is_told_over else "answered"

    async def end(self) -> None:
        """Log out and close everything."""
        await asyncio.gather(*(page.leave() for page in self._pages), return_exceptions=True)
        await spend(0.5)  # for the last BYEs
        await self.tasks.aclose()
        self.phones.close()
