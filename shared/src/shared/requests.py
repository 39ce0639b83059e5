"""Requests over NATS and their replies: one inbox for all of them.

nats-py has the same in `Client.request`, at three times the CPU: it makes a random name and a second future for each
request, and waits by `asyncio.wait_for`, which in Python 3.11 may lose a cancellation (bpo-37658).
"""

import asyncio
import itertools
from collections.abc import Iterable
from typing import NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

_NO_RESPONDERS = "503"
_LOOK_EVERY = 0.05  # a time-out may come later by so much


class Outgoing(NamedTuple):
    """One of several messages; whether its receiver is to reply."""

    subject: str
    payload: bytes
    headers: dict[str, str]
    wants_reply: bool


class _Waiting(NamedTuple):
    reply: asyncio.Future[Msg]
    until: float


class Requests:
    """The requests of one connection that wait for their reply.

    One timer looks after all of them, now and then: one for each would be the dearest part of most requests.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = ""
        self._numbers = itertools.count(1)
        self._waiting: dict[str, _Waiting] = {}
        self._look: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Subscribe to the inbox; once, before the first request. The client renews it with its connection."""
        self._inbox = self._client.new_inbox() + "."  # whose prefix a client knows once it is connected
        await self._client.subscribe(self._inbox + "*", cb=self._replied)

    async def _replied(self, msg: Msg) -> None:
        waiting = self._waiting.pop(msg.subject[len(self._inbox) :], None)
        if waiting is not None and not waiting.reply.done():
            waiting.reply.set_result(msg)

    async def ask(self, subject: str, payload: bytes, within: float, headers: dict[str, str] | None = None) -> Msg:
        """Return the first reply; raise what nats-py raises: `NoRespondersError`, `TimeoutError`, or why not sent."""
        number, reply = self._wait(within)
        try:
            await self._client.publish(subject, payload, reply=self._inbox + number, headers=headers)
            return _checked(await reply)
        finally:
            self._waiting.pop(number, None)

    async def ask_all(self, messages: Iterable[Outgoing], within: float) -> list[Msg]:
        """Send messages in their order; return the replies of those that want one. Raise what `ask` raises."""
        asked: dict[str, asyncio.Future[Msg]] = {}
        try:
            for message in messages:
                inbox = ""
                if message.wants_reply:
                    number, asked[number] = self._wait(within)
                    inbox = self._inbox + number
                await self._client.publish(message.subject, message.payload, reply=inbox, headers=message.headers)
            return [_checked(await reply) for reply in asked.values()]
        finally:
            for number, reply in asked.items():
                self._waiting.pop(number, None)
                if not (reply.cancel() or reply.cancelled()):
                    reply.exception()  # one late reply speaks for all: asyncio would complain of the others

    def _wait(self, within: float) -> tuple[str, asyncio.Future[Msg]]:
        number = str(next(self._numbers))
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Msg] = loop.create_future()
        self._waiting[number] = _Waiting(reply, loop.time() + within)
        if self._look is None:
            self._look = loop.call_later(_LOOK_EVERY, self._give_up_late_ones)
        return number, reply

    def _give_up_late_ones(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for number in [number for number, waiting in self._waiting.items() if waiting.until <= now]:
            reply = self._waiting.pop(number).reply
            if not reply.done():
                reply.set_exception(nats.errors.TimeoutError())
        self._look = loop.call_later(_LOOK_EVERY, self._give_up_late_ones) if self._waiting else None


def _checked(reply: Msg) -> Msg:
    if reply.headers is not None and reply.headers.get("Status") == _NO_RESPONDERS:
        raise nats.errors.NoRespondersError
    return reply
