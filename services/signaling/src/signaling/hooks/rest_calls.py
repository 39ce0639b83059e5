"""Calls of the REST API, which no page takes part in, as the operator's web server sees them: it is asked before they
are started, as it is for those of pages, and told what becomes of them.

The pod that starts them asks and tells, from memory. For that it listens for the session, as no socket does.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import structlog

from shared.bus import Bus
from shared.errors import DeadlineExceeded, RemoteError
from shared.messages import CallEnded, Command, Message
from shared.records import EndingRecord
from shared.store import Store

from ..core.agent_events import frame_of
from ..core.call import AgentEvent
from ..core.frames import EndedEvent
from ..core.hooks.posts import Post
from ..core.wcs.hooks import HookWording
from ..sessions.subject import SessionSubject
from .backend import Backend

_log = structlog.get_logger(__name__)

_LEAVE_EVERY = 1.0
_LOOK_EVERY = 30.0  # for calls whose end was not heard


@dataclass(frozen=True)
class Party:
    """Somebody who is to be called; `name` is what the caller of the API calls the call."""

    call_id: str
    callee: str
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """Calls that belong together: the first, and the one that follows it where two parties are joined."""

    session_id: str
    caller: str
    parties: tuple[Party, ...]
    app_key: str = ""


class _Service:
    """What a service has said of itself, in the place of a page."""

    def __init__(self, started: Started) -> None:
        self.page: Mapping[str, Any] = {"appKey": started.app_key}
        self._names = {party.call_id: party.name for party in started.parties if party.name}

    def call_name(self, call_id: str) -> str:
        """Return what the service calls a call."""
        return self._names.get(call_id, call_id)

    def data_name(self, request_id: str) -> str:
        """Return an id as it is: a service sends no data."""
        return request_id


class _Followed:
    """Calls that belong together, until the last of them has ended."""

    def __init__(self, backend: Backend, node: str, subject: SessionSubject, started: Started) -> None:
        self.live = [party.call_id for party in started.parties]
        self._backend = backend
        self._words = HookWording(node, started.session_id, _Service(started))
        self._subject = subject
        self._started = started
        self._first = started.parties[0].call_id
        self._begun: set[str] = set()  # those that the agent has spoken of

    async def listen(self) -> None:
        """Hear what becomes of the calls."""
        await self._subject.listen(self._started.session_id, self._hear)

    async def leave(self) -> None:
        """Hear no more."""
        await self._subject.leave()

    async def permit(self) -> None:
        """Ask for each call; raise `RemoteError` if the web server does not want one of them."""
        for party in self._started.parties:
            post = self._words.started(party.call_id, self._started.caller, party.callee, party.headers)
            await self._backend.permit(post)

    async def _hear(self, message: Message) -> Message | None:
        """Tell the web server of our calls; nobody is here to take others."""
        if isinstance(message, Command):
            raise RemoteError(480, "Temporarily Unavailable")
        if isinstance(message, AgentEvent) and message.call_id in self.live:
            self._begun.add(message.call_id)
            self._tell(self._words.told(frame_of(message, 0)))
            if isinstance(message, CallEnded):
                self._ended(message.call_id, message.status, message.reason)
        return None

    def _ended(self, call_id: str, status: int, reason: str) -> None:
        self.live.remove(call_id)
        if call_id == self._first:
            for other in [other for other in self.live if other not in self._begun]:  # nobody will be called there
                self._fail(other, status, reason)

    def _fail(self, call_id: str, status: int, reason: str) -> None:
        self._tell(self._words.failed(call_id, status, reason))
        self._ended(call_id, status, reason)

    def fail(self, status: int, reason: str) -> None:
        """The calls came to nothing."""
        while self.live:
            self._fail(self.live[0], status, reason)

    async def look(self, store: Store) -> None:
        """Find the end of calls of which it was not heard."""
        for call_id in list(self.live):
            is_there = call_id == self._first or call_id in self._begun
            if not is_there or await store.calls.of(self._started.session_id).get(call_id) is not None:
                continue
            entry = await store.endings.get(call_id)
            if call_id in self.live:  # still
                if entry is None:
                    self._fail(call_id, 503, "Not Heard Of Any More")
                else:
                    self._found(entry.record)

    def _found(self, ending: EndingRecord) -> None:
        call_id, status, reason = ending.call.call_id, ending.status, ending.reason
        is_plain = status == 200
        told = EndedEvent(seq=0, call=call_id, status=status, reason=reason, by=ending.by, established=is_plain)
        self._tell(self._words.told(told))
        self._ended(call_id, status, reason)

    def _tell(self, post: Post | None) -> None:
        if post is not None:
            self._backend.tell(self._started.session_id, post)


class HeadlessCalls:
    """Those that one pod has started; `run` is its task."""

    def __init__(self, bus: Bus, store: Store, backend: Backend, node: str) -> None:
        self._bus = bus
        self._store = store
        self._backend = backend
        self._node = node
        self._followed: dict[_Followed, float] = {}  # and since when

    def __len__(self) -> int:
        return len(self._followed)

    @contextlib.asynccontextmanager
    async def permitted(self, started: Started) -> AsyncIterator[None]:
        """Let the block start calls once that is allowed; where they come to nothing, the web server hears so."""
        if not self._backend.is_there:
            yield
            return
        calls = _Followed(self._backend, self._node, SessionSubject(self._bus), started)
        try:
            await calls.permit()
            await calls.listen()
            self._followed[calls] = time.monotonic()
            yield
        except RemoteError as error:
            if not isinstance(error, DeadlineExceeded):  # else it may have been started all the same
                calls.fail(error.status, error.reason)
            raise

    async def run(self) -> None:
        """For ever: leave calls that have ended, and look for those whose end was not heard."""
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(_LEAVE_EVERY)
            if time.monotonic() - looked_at >= _LOOK_EVERY:
                await self._look(before=looked_at)
                looked_at = time.monotonic()
            for calls in [calls for calls in self._followed if not calls.live]:
                del self._followed[calls]
                await calls.leave()

    async def _look(self, before: float) -> None:
        try:
            for calls in [calls for calls, since in self._followed.items() if since < before]:
                await calls.look(self._store)
        except (nats.errors.Error, OSError) as error:  # they are looked for later
            _log.warning("ended calls not looked for", error=repr(error))
        except Exception:  # the task boundary: one record that cannot be read must not end the looking for all
            _log.exception("ended calls not looked for")
