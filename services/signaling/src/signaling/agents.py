"""Commands to sip-agents: accounts opened, attached, detached, closed, and the verbs of calls.

A session's agent is where its account's lease is, and its calls are there too. If nobody serves that agent's subject,
or it does not know the account or the call, the record says who has taken it over.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog

from shared.bus import DEADLINE, Bus, expiry
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.ids import new_id
from shared.messages import (
    AccountOpened,
    AttachSession,
    CloseAccount,
    Command,
    DetachSession,
    Done,
    OpenAccount,
    Reply,
    SessionSnapshot,
    SipAccount,
)
from shared.presence import Presence
from shared.subjects import agent_commands
from shared.tasks import Tasks

from .sessions.directory import Directory

_log = structlog.get_logger(__name__)

_AGENTS_TO_TRY = 3
_GONE = (404, 481)  # the agent does not know the account, or the call
_TAKEN_OVER_WITHIN = 4.0
_LOOK_EVERY = 0.2

R = TypeVar("R", bound=Reply)


@dataclass
class Owner:
    """The agent that has a session's account, or a call."""

    agent: str
    epoch: int


@dataclass(frozen=True)
class Unattended:
    """How an account lives without a socket: it ends once it has had no call for so long."""

    idle_seconds: float
    takes_calls: bool = False


class Agents:
    """The sip-agents as one pod of signaling sees them."""

    def __init__(self, bus: Bus, presence: Presence, directory: Directory, pod: str, tasks: Tasks) -> None:
        self._bus = bus
        self._presence = presence
        self._directory = directory
        self._pod = pod
        self._tasks = tasks

    async def open_account(self, session_id: str, account: SipAccount, unattended: Unattended | None = None) -> Owner:
        """Have an account opened by the emptier of two agents, or by another one if that does not take it.

        With `unattended` it has no socket here.
        """
        tried: list[str] = []
        refusal = RemoteError(503, "No SIP Agent")
        while len(tried) < _AGENTS_TO_TRY:
            agent = self._presence.choose(time.monotonic(), but=tried, may_be_silent=self._bus.connected)
            if agent is None:
                break
            tried.append(agent)
            command = self._opening(session_id, account, unattended)
            try:
                opened = await self._bus.request(agent_commands(agent), command, AccountOpened)
            except NoOwner:
                continue
            except DeadlineExceeded:
                # It may have been opened all the same, so nobody else may be asked to open it.
                self._tasks.spawn(self.close_account(session_id, Owner(agent, 0)), "close account")
                raise
            except RemoteError as error:
                if error.status != refusal.status:
                    raise
                refusal = error
                continue
            return Owner(opened.agent, opened.epoch)
        raise refusal

    def _opening(self, session_id: str, account: SipAccount, unattended: Unattended | None) -> OpenAccount:
        if unattended is None:
            return OpenAccount(**envelope(), session_id=session_id, pod=self._pod, account=account)
        return OpenAccount(
            **envelope(),
            session_id=session_id,
            pod="",
            account=account,
            idle_seconds=unattended.idle_seconds,
            takes_calls=unattended.takes_calls,
        )

    async def attach(self, session_id: str, owner: Owner) -> SessionSnapshot:
        """Tell the agent where the socket is now; return how everything stands."""
        command = AttachSession(**envelope(owner), session_id=session_id, pod=self._pod)
        return await self.request(session_id, owner, command, SessionSnapshot)

    async def detach(self, session_id: str, owner: Owner, grace_seconds: float) -> None:
        """Tell the agent that the socket is lost."""
        command = DetachSession(**envelope(owner), session_id=session_id, pod=self._pod, grace_seconds=grace_seconds)
        try:
            await self.request(session_id, owner, command, Done)
        except RemoteError as error:
            _log.warning("agent does not know that a socket is lost", session=session_id, error=str(error))

    async def close_account(self, session_id: str, owner: Owner) -> None:
        """End the account. An agent that is gone, or does not know it, has nothing left to close."""
        command = CloseAccount(**envelope(owner), session_id=session_id)
        try:
            await self.request(session_id, owner, command, Done)
        except NoOwner:
            _log.info("the agent of an account is gone", session=session_id, agent=owner.agent)
        except RemoteError as error:
            if error.status not in _GONE:
                raise

    async def request(self, session_id: str, owner: Owner, command: Command, reply: type[R]) -> R:
        """Send a command to the session's agent, wherever it is now."""
        asked = owner.agent  # `owner` may hear of another one while this one is asked
        try:
            return await self._bus.request(agent_commands(asked), command, reply)
        except RemoteError as error:
            is_silent = isinstance(error, DeadlineExceeded) and self._bus.connected
            if not (isinstance(error, NoOwner) or is_silent or error.status in _GONE):
                raise
            is_gone = isinstance(error, NoOwner)
            found = await self._other_owner(session_id, asked, _TAKEN_OVER_WITHIN if is_gone else 0.0)
            if found is None:
                raise
        _log.info("owner has changed", command=type(command).__name__, old=asked, new=found[0])
        owner.agent, owner.epoch = found
        again = msgspec.structs.replace(command, **envelope(owner))
        return await self._bus.request(agent_commands(owner.agent), again, reply)

    async def _other_owner(self, session_id: str, asked: str, within: float) -> tuple[str, int] | None:
        """Return who has it by now, None if still the one that was asked.

        What a dead agent had is taken over by another in a moment: that is waited for.
        """
        give_up_at = time.monotonic() + within
        try:
            while (found := await self._directory.owner(session_id)) is not None and found[0] == asked:
                if time.monotonic() >= give_up_at:
                    return None
                await asyncio.sleep(_LOOK_EVERY)
        except RemoteError:  # NATS is away: what is known of the command is all that there is to say
            return None
        return found


def envelope(owner: Owner | None = None) -> dict[str, Any]:
    return {
        "id": new_id("q", os.urandom),
        "expires_at": expiry(DEADLINE),
        "epoch": 0 if owner is None else owner.epoch,
    }
