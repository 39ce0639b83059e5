"""A listing in several replies, and one that is refused: what the server says is given, no server asked."""

import asyncio
import json
from typing import Any

import pytest
from nats.js.errors import NotFoundError

from shared.listing import subjects_at_once


class Replies:
    """Stands where `Requests` does; notes what is asked."""

    def __init__(self, *replies: dict[str, Any]) -> None:
        self._replies = iter(replies)
        self.asked: list[dict[str, Any]] = []

    async def ask(self, subject: str, payload: bytes, within: float) -> "Replies":
        assert subject == "$JS.API.STREAM.INFO.KV_b"
        self.asked.append(json.loads(payload))
        self.data = json.dumps(next(self._replies)).encode()
        return self


def listed(replies: Replies) -> list[str]:
    return asyncio.run(subjects_at_once(replies, "KV_b", "$KV.b.o.*"))  # type: ignore[arg-type]


def test_what_one_reply_does_not_hold_is_asked_for_again() -> None:
    replies = Replies(
        {"total": 3, "state": {"subjects": {"a": 1, "b": 1}}}, {"total": 3, "state": {"subjects": {"c": 1}}}
    )
    assert listed(replies) == ["a", "b", "c"]
    assert [(one["subjects_filter"], one["offset"]) for one in replies.asked] == [("$KV.b.o.*", 0), ("$KV.b.o.*", 2)]


@pytest.mark.parametrize("state", [{}, {"subjects": None}, {"subjects": {}}])
def test_nothing_is_there(state: dict[str, Any]) -> None:
    assert listed(Replies({"total": 0, "state": state})) == []


def test_subjects_that_go_meanwhile_end_it() -> None:
    assert listed(Replies({"total": 3, "state": {"subjects": {"a": 1}}}, {"total": 1, "state": {}})) == ["a"]


def test_a_stream_that_is_not_there_is_an_error() -> None:
    refused = {"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}
    with pytest.raises(NotFoundError):
        listed(Replies(refused))
