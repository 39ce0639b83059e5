"""Trials R2 and R5: an agent with a hundred calls and twenty that ring is killed, or told to leave; all go on."""

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from tests.chaos.stage import Stage, know_each_other, moved, staged
from tests.support.bus_seats import SessionSeat, eventually, sdp
from tests.support.sip_peer import SipPeer
from tests.support.until import until_so

from shared.messages import CallEstablished, CallProgress
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.parser import parse

pytestmark = pytest.mark.timeout(180)  # a loaded machine: 120 log-ins and calls come first

ESTABLISHED, RINGING = 100, 20
AT_ONCE = 10
TAKEN_OVER_WITHIN = 20.0


@dataclass
class Heard:
    """What a phone has heard in one dialog, and when and from which port."""

    invites: list[tuple[float, int, Request]] = field(default_factory=list)
    byes: list[int] = field(default_factory=list)
    cancels: int = 0

    def after(self, moment: float) -> list[tuple[float, int, Request]]:
        """The INVITEs since then."""
        return [one for one in self.invites if one[0] > moment]


class Phones(SipPeer):
    """Any number of phones at one address: who is called `rings-...` rings on, the others answer at once."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[str, Heard] = defaultdict(Heard)
        self._had: set[tuple[str, int, str]] = set()
        self._ringing: list[Request] = []

    def answer_all(self) -> None:
        """Answer whatever rings."""
        for invite in self._ringing:
            self.respond(invite, 200, sdp(30000))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        if not isinstance(message, Request) or message.method == "ACK":
            return
        is_new = (message.call_id, message.cseq[0], message.method) not in self._had
        self._had.add((message.call_id, message.cseq[0], message.method))
        heard = self.heard[message.call_id]
        match message.method:
            case "INVITE":
                if is_new:
                    heard.invites.append((time.monotonic(), addr[1], message))
                rings = "rings-" in message.uri and len(heard.invites) == 1
                if rings and is_new:
                    self._ringing.append(message)
                self.respond(message, 180 if rings else 200, "" if rings else sdp(30000))
            case "BYE":
                heard.byes.append(addr[1])
                self.respond(message, 200)
            case "CANCEL":
                heard.cancels += 1
                self.respond(message, 200)


async def begin(stage: Stage, phones: Phones, number: int, gate: asyncio.Semaphore) -> SessionSeat:
    """Log in at the first agent and call: a phone that answers, or one that rings."""
    async with gate:
        seat = await stage.at_server(phones, stage.agents[0], f"user-{number}")
        is_to_ring = number >= ESTABLISHED
        await seat.call(f"rings-{number}" if is_to_ring else f"phone-{number}", f"c-{number}")
        if is_to_ring:
            await seat.expect(CallProgress, lambda event: event.status == 180, within=20)
        else:
            await seat.expect(CallEstablished, within=20)
        return seat


@pytest.fixture
async def phones() -> AsyncIterator[Phones]:
    peer = await Phones.open()
    assert isinstance(peer, Phones)
    yield peer
    peer.close()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """One agent. Others join once it has calls: of more accounts than its share it gives those away that have none."""
    async with staged(agents=1, AGENT_DRAIN_SECONDS="20") as running:
        yield running


async def called(stage: Stage, phones: Phones) -> list[SessionSeat]:
    """Sessions of the first agent, each with a call, and then two more agents."""
    gate = asyncio.Semaphore(AT_ONCE)
    calls = (begin(stage, phones, number, gate) for number in range(ESTABLISHED + RINGING))
    seats = await asyncio.gather(*calls)
    for _ in range(2):
        await stage.cluster.add_agent()
    await know_each_other(stage.cluster)
    return seats


async def at_others(phones: Phones, since: float) -> None:
    """Wait until each phone has had an INVITE of a new agent; check that it is one agent, with the CSeq ahead."""
    await until_so(lambda: all(heard.after(since) for heard in phones.heard.values()), TAKEN_OVER_WITHIN)
    delays = sorted(heard.after(since)[0][0] - since for heard in phones.heard.values())
    print(f"heard of the new agent after {delays[len(delays) // 2]:.2f} s p50, {delays[-1]:.2f} s at most")
    for heard in phones.heard.values():
        (_, _, first), *_ = heard.invites
        again = heard.after(since)
        assert len({port for _, port, _ in again}) == 1  # one owner
        for _, _, invite in again:
            assert invite.cseq[0] > first.cseq[0] and invite.from_ == first.from_


async def all_end_well(phones: Phones, seats: list[SessionSeat]) -> None:
    """Hang up every call, which must have been established."""
    await asyncio.gather(*(seat.hang_up(f"c-{number}") for number, seat in enumerate(seats)))
    ends = await asyncio.gather(*(seat.ended() for seat in seats))
    assert all((end.status, end.was_established) == (200, True) for end in ends)
    await eventually(lambda: all(len(set(heard.byes)) == 1 for heard in phones.heard.values()))


async def test_calls_outlive_an_agent_that_is_killed(stage: Stage, phones: Phones) -> None:
    seats = await called(stage, phones)
    killed_at = time.monotonic()
    await stage.agents[0].kill()
    await asyncio.gather(*(moved(seat, TAKEN_OVER_WITHIN) for seat in seats))
    for seat in seats[ESTABLISHED:]:  # they were dialled anew, and answered
        await seat.expect(CallEstablished, within=TAKEN_OVER_WITHIN)
    await at_others(phones, killed_at)
    # Each is sent before its INVITE, and once more where so many at a time have crowded it out.
    await until_so(lambda: sum(heard.cancels > 0 for heard in phones.heard.values()) == RINGING)
    await all_end_well(phones, seats)


async def test_calls_outlive_an_agent_that_leaves(stage: Stage, phones: Phones) -> None:
    seats = await called(stage, phones)
    told_at = time.monotonic()
    leaving = stage.agents[0]
    leaving.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(moved(seat, TAKEN_OVER_WITHIN) for seat in seats[:ESTABLISHED]))
    phones.answer_all()
    for seat in seats[ESTABLISHED:]:
        await seat.expect(CallEstablished, within=TAKEN_OVER_WITHIN)
    await asyncio.gather(*(moved(seat, TAKEN_OVER_WITHIN) for seat in seats[ESTABLISHED:]))
    assert await leaving.process.wait() == 0
    leaving.stopped = True
    await at_others(phones, told_at)
    assert not any(heard.cancels for heard in phones.heard.values())
    await all_end_well(phones, seats)
