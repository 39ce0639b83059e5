"""INVITEs that wait until their account has moved to another agent, at an agent that leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sip_agent.core.events import Flow
from sip_agent.core.syntax.message import Request, Response
from sip_agent.ownership.moves import Moves

INVITE = Request(
    "INVITE",
    "sip:s-1@192.0.2.1",
    [
        ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"),
        ("From", "<sip:bob@example.com>;tag=1"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "c"),
        ("CSeq", "1 INVITE"),
    ],
)
FLOW = Flow("udp", "192.0.2.9", 5060)
TRANSACTION: Any = "t-1"


class Waiting:
    """Moves of an account, whose outcome the test decides."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.served: list[Request] = []
        self.work: list[asyncio.Task[None]] = []
        self.outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        endpoint = SimpleNamespace(respond=lambda _, response: self.responses.append(response), on_cancel=self._hear)
        tasks = SimpleNamespace(spawn=lambda work, _: self.work.append(asyncio.ensure_future(work)))
        self.moves = Moves(SimpleNamespace(endpoint=endpoint, tasks=tasks, chance=lambda: 0.5))  # type: ignore[arg-type]
        self.moves.serve = lambda _, request, __: self.served.append(request)
        self.moves.go_first(self._move, TRANSACTION, INVITE, FLOW)

    def _hear(self, _: object, cancelled: Callable[[Request], None]) -> None:
        self.cancelled = cancelled

    def _move(self) -> Awaitable[bool]:
        return self.outcome

    async def over(self) -> None:
        await asyncio.gather(*self.work)


async def test_it_is_served_once_the_account_has_moved() -> None:
    waiting = Waiting()
    waiting.outcome.set_result(True)
    await waiting.over()
    assert (waiting.served, waiting.responses) == ([INVITE], [])
    waiting.cancelled(INVITE)  # whoever serves it answers that now
    assert waiting.responses == []


async def test_it_is_refused_and_told_when_to_try_again_if_the_account_stays() -> None:
    waiting = Waiting()
    waiting.outcome.set_result(False)
    await waiting.over()
    (response,) = waiting.responses
    assert (response.status, response.retry_after, waiting.served) == (503, 8, [])


async def test_it_is_answered_though_the_move_fails() -> None:
    waiting = Waiting()
    waiting.outcome.set_exception(OSError("records are away"))
    with pytest.raises(OSError, match="away"):
        await waiting.over()
    assert [response.status for response in waiting.responses] == [503]


@pytest.mark.parametrize("has_moved", [True, False])
async def test_who_has_given_up_meanwhile_is_served_nowhere(has_moved: bool) -> None:
    waiting = Waiting()
    waiting.cancelled(INVITE)
    waiting.outcome.set_result(has_moved)
    await waiting.over()
    assert ([response.status for response in waiting.responses], waiting.served) == ([487], [])
