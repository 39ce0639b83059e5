"""A session without a browser, as the REST interface has one: commands on a cluster's bus, and the events that come."""

import asyncio
import contextlib
import itertools
import time
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from shared.bus import expiry
from shared.messages import (
    AccountOpened,
    AllocateMedia,
    CloseAccount,
    Command,
    Done,
    MediaAllocated,
    Message,
    OpenAccount,
    SipAccount,
    StartCall,
)
from shared.sealing import Seal
from shared.subjects import agent_commands, relay_commands, session_events

from .services import SECRET, Cordboard
from .tone import sine

E = TypeVar("E", bound=Message)

_numbers = itertools.count(1)


def envelope() -> dict[str, Any]:
    """What every command has."""
    return {"id": f"headless-{time.time_ns()}-{next(_numbers)}", "expires_at": expiry()}


def write_tone(path: Path, frequency: float, seconds: float) -> None:
    """Write a WAV file of 16 kHz."""
    samples = (sine(frequency, seconds, 16000) * 32767).astype(np.dtype("<i2"))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())


class HeadlessSession:
    """An account of the built-in domain that was opened without a socket."""

    def __init__(self, cluster: Cordboard, user: str) -> None:
        self.cluster = cluster
        self.user = user
        self.session_id = f"s-headless-{next(_numbers)}"
        self.agent = cluster.agents[0].name
        self.events: asyncio.Queue[Message] = asyncio.Queue()

    async def open(self, idle_seconds: float = 60.0) -> None:
        """Have the account opened, and hear what becomes of it."""
        await self.cluster.bus.serve(session_events(self.session_id), self._hear)
        sealed = Seal(SECRET).seal(self.cluster.users[self.user], self.session_id)
        account = SipAccount(login=self.user, domain=self.cluster.domain, sealed_password=sealed)
        account_command = OpenAccount(
            **envelope(), session_id=self.session_id, pod="", account=account, idle_seconds=idle_seconds
        )
        await self.cluster.bus.request(agent_commands(self.agent), account_command, AccountOpened)

    async def _hear(self, message: Message) -> None:
        self.events.put_nowait(message)

    async def ask(self, command: Command) -> None:
        """Give the agent a command."""
        await self.cluster.bus.request(agent_commands(self.agent), command, Done)

    async def do(self, kind: Callable[..., Command], call_id: str, **fields: Any) -> None:
        """Give it one for a call."""
        await self.ask(kind(**envelope(), session_id=self.session_id, call_id=call_id, **fields))

    async def call(self, call_id: str, callee: str, **fields: Any) -> None:
        """Call somebody; what is played, and who else is called, is in the fields."""
        relay = self.cluster.relays[0].name
        wanted = AllocateMedia(
            **envelope(), media_id=f"m-{call_id}", call_id=call_id, agent=self.agent, is_headless=True
        )
        allocated = await self.cluster.bus.request(relay_commands(relay), wanted, MediaAllocated)
        assert allocated.sip_sdp is not None and allocated.browser_sdp is None
        described = {"media": allocated.media, "sip_sdp": allocated.sip_sdp}
        await self.do(StartCall, call_id, callee=callee, is_headless=True, **described, **fields)

    async def expect(self, kind: type[E], fits: Callable[[E], bool] = lambda event: True) -> E:
        """Return the next event of this kind that fits; forget those before it."""
        async with asyncio.timeout(20):
            while True:
                event = await self.events.get()
                if isinstance(event, kind) and fits(event):
                    return event

    async def close(self) -> None:
        """Have the account closed."""
        await self.ask(CloseAccount(**envelope(), session_id=self.session_id))


@contextlib.asynccontextmanager
async def headless(cluster: Cordboard, user: str, idle_seconds: float = 60.0) -> AsyncIterator[HeadlessSession]:
    """Have a session while the block runs."""
    session = HeadlessSession(cluster, user)
    await session.open(idle_seconds)
    yield session
    await session.close()
