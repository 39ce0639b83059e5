"""How many REGISTERs are under way at once."""

import asyncio
from collections.abc import Callable

from sip_agent.accounts.registrar_turns import RegistrarTurns


def made(most: int = 2, held_most: float = 60.0) -> tuple[RegistrarTurns, list[str], dict[str, Callable[[], None]]]:
    went: list[str] = []
    goes = {name: (lambda name=name: went.append(name)) for name in "abcd"}  # type: ignore[misc]
    return RegistrarTurns(most, held_most), went, goes


async def test_no_more_than_the_limit_go_and_the_others_follow_in_their_order() -> None:
    turns, went, goes = made()
    assert [turns.ask("r", goes[name]) for name in "abcd"] == [True, True, False, False]
    turns.over("r", goes["b"])
    turns.over("r", goes["b"])
    assert went == ["c"]
    turns.over("r", goes["a"])
    assert went == ["c", "d"]


async def test_each_registrar_has_its_own_limit() -> None:
    turns, _, goes = made(most=1)
    assert turns.ask("r", goes["a"]) and turns.ask("other", goes["b"])
    assert not turns.ask("r", goes["c"])


async def test_who_does_not_want_its_turn_any_more_is_passed_over() -> None:
    turns, went, goes = made(most=1)
    for name in "abc":
        turns.ask("r", goes[name])
    turns.over("r", goes["b"])
    turns.over("r", goes["a"])
    assert went == ["c"]
    turns.over("r", goes["c"])
    assert turns.ask("r", goes["d"])


async def test_a_registrar_that_does_not_answer_is_asked_by_the_next_after_a_while() -> None:
    is_next = asyncio.Event()
    turns, _, goes = made(most=1, held_most=0.01)
    turns.ask("r", goes["a"])
    turns.ask("r", is_next.set)
    await asyncio.wait_for(is_next.wait(), 5)
