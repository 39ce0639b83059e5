"""A hundred calls with tones and twenty that ring, half of these called by pages and half by phones."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.pace import spend
from tests.support.until import until_so

from shared.tasks import Tasks

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
        return min(ear.count_since(since) for ear in ears) >= HEARD_PACKETS

    @property
    def is_told_over(self) -> bool:
        """Whether both ends know that the call is over."""
        return self.page.state == "ended" and self.phone.is_over

    async def is_in_use(self, phones: Phones) -> bool:
        """Whether it is heard, and both ends reach the other one within the dialog: OPTIONS, and a digit by INFO."""
        if self.page.state != "established" or self.phone.is_over or not self.page.is_there:
            return False
        infos = self.phone.infos
        try:
            response = await phones.request(self.phone, "OPTIONS")
            await self.page.ask("dtmf", call=self.page.call_id, digits="5", method="info")
            await until_so(lambda: self.phone.infos > infos)
            await until_so(lambda: self.is_heard)
        except (TimeoutError, Gone):
            return False
        return response.status == 200

    async def hang_up(self) -> bool:
        """Hang up at the page; return whether both ends heard of it."""
        try:
            await self.page.ask("hangup", call=self.page.call_id)
            await until_so(lambda: self.is_told_over)
        except (TimeoutError, Gone):
            return False
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

    async def until_heard(self, within: float) -> None:
        """Return when all established calls are heard, or it is clear that some are not."""
        try:
            await until_so(lambda: all(call.is_heard for call in self.established), within)
        except TimeoutError:
            return  # the table will say how many

    async def kept(self) -> list[Call]:
        """Return the established calls that are in use still, and can be hung up."""
        used = await _those(self.established, [call.is_in_use(self.phones) for call in self.established])
        return await _those(used, [call.hang_up() for call in used])

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


async def _those(calls: list[Call], verdicts: Iterable[object]) -> list[Call]:
    return [call for call, is_so in zip(calls, await asyncio.gather(*verdicts), strict=True) if is_so]  # type: ignore[call-overload]
