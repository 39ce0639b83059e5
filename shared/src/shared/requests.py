"""Requests over NATS and their replies: one inbox for all of them.

nats-py has the same in `Client.request`, at three times the CPU: it makes a random name and a second future for each
request, and waits by `asyncio.wait_for`, which in Python 3.11 may lose a cancellation (bpo-37658).
"""

import asyncio
import itertools

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

_NO_RESPONDERS = "503"


class Requests:
    """The requests of one connection that wait for their reply."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox() + "."
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def open(self) -> None:
        """Subscribe to the inbox; once, before the first request. The client renews it with its connection."""
        await self._client.subscribe(self._inbox + "*", cb=self._replied)

    async def _replied(self, msg: Msg) -> None:
        waiting = self._waiting.pop(msg.subject[len(self._inbox) :], None)
        if waiting is not None and not waiting.done():
            waiting.set_result(msg)

    async def ask(self, subject: str, payload: bytes, within: float, headers: dict[str, str] | None = None) -> Msg:
        """Return the first reply; raise what nats-py raises: `NoRespondersError`, `TimeoutError`, or why not sent."""
        number = str(next(self._numbers))
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Msg] = loop.create_future()
        self._waiting[number] = waiting
        deadline = loop.call_later(within, self._give_up, number)
        try:
            await self._client.publish(subject, payload, reply=self._inbox + number, headers=headers)
            msg = await waiting
        finally:
            deadline.cancel()
            self._waiting.pop(number, None)
        if msg.headers is not None and msg.headers.get("Status") == _NO_RESPONDERS:
            raise nats.errors.NoRespondersError
        return msg

    def _give_up(self, number: str) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_exception(nats.errors.TimeoutError())
