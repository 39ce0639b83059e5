"""How accounts move to other agents, and their calls with them: because an agent leaves, or has too many (docs/bus.md).

Of each account the record alone says who owns it. A move is asked for in the account's mailbox, so nothing else of the
account is done meanwhile, and no call is ever left behind: one in which something is under way moves after that.
"""

import asyncio
import enum
import itertools
import time
from collections.abc import Awaitable, Callable, Collection, Iterable

import nats.errors
import structlog

from shared.bus import expiry
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.messages import AdoptAccount, Done
from shared.presence import Presence
from shared.subjects import agent_commands
from sip_agent import metrics
from sip_agent.accounts.account import REGISTERED_WITHIN, Account
from sip_agent.accounts.table import Accounts
from sip_agent.ownership.lease import find_live
from sip_agent.services import Services, command_id

_log = structlog.get_logger(__name__)

AT_ONCE = 16  # moves: each is a REGISTER of the adopter, and one of ours
ADOPTED_WITHIN = REGISTERED_WITHIN + 1.0
LOOK_EVERY = 0.25
# An adopter that is silent is dead, or not registered yet: longer than its lease lasts, and than its next try takes.
SETTLED_WITHIN = 20.0
LINGER = 0.5  # what a registrar sent before our Contact was gone may still arrive


class _End(enum.Enum):
    """What became of a move."""

    KEPT = "kept"
    MOVED = "moved"
    OPEN = "open"  # another agent is the owner; whether calls reach it is not known


class Departure:
    """`agents` are those that are heard."""

    def __init__(self, services: Services, accounts: Accounts, agents: Presence) -> None:
        self._services = services
        self._accounts = accounts
        self._agents = agents
        self._out_of_turn: set[asyncio.Task[None]] = set()
        accounts.move_at_once = self.move_at_once

    @property
    def is_last(self) -> bool:
        """Whether this agent leaves and hears no other: of a call that begins now nobody would see the end."""
        return self._accounts.is_draining and not self._has_others()

    async def run(self, within: float) -> None:
        """Return when every account has moved, or calls have had so many seconds to move or to end.

        Where there is no other agent calls wait for their end, or for an agent that may start; accounts without do not.
        """
        until = time.monotonic() + within
        while time.monotonic() < until and self._has_reason_to_stay():
            if self._has_others():
                await self._move_all()
            await asyncio.sleep(LOOK_EVERY)
        if len(self._accounts) and self._has_others():
            await asyncio.gather(*(account.end_calls("Agent Draining") for account in self._accounts))
            await self._move_all()
        await asyncio.gather(*self._out_of_turn)
        await self._finish_forwarding(until)

    def _has_reason_to_stay(self) -> bool:
        if self._has_others():
            return len(self._accounts) > 0
        return any(account.has_calls for account in self._accounts)

    def _has_others(self) -> bool:
        return self.choose() is not None

    def choose(self, full: Iterable[str] = ()) -> str | None:
        """Return another agent that takes accounts and is none of the `full` ones, None if there is none."""
        others_but = [self._services.agent, *full]
        return self._agents.choose(time.monotonic(), but=others_but, goes_on=self._accounts.is_draining)

    async def give(self, most: int, full: Collection[str]) -> int:
        """Move so many accounts without calls, if there are, but to none of the `full` agents; return how many went."""
        quiet = (account for account in self._accounts if account.can_move and not account.has_calls)
        given = list(itertools.islice(quiet, most))
        await asyncio.gather(*(self._move(account, full) for account in given))
        gone = [account for account in given if account.has_moved]
        if gone:
            await asyncio.sleep(LINGER)
            for account in gone:
                self._accounts.moves.forget(account.session_id)
        return len(gone)

    async def _move_all(self) -> None:
        movable = iter(sorted((one for one in self._accounts if one.can_move), key=lambda one: one.has_calls))
        await asyncio.gather(*(self._move_each(movable) for _ in range(AT_ONCE)))

    async def _move_each(self, accounts: Iterable[Account]) -> None:
        for account in accounts:  # an iterator that all workers share
            await self._move(account)

    async def move_at_once(self, account: Account) -> bool:
        """Move an account out of its turn, for somebody calls it or wants to call; return False if it stays for now."""
        to, end = await account.mailbox.ask(lambda: self._hand_over(account, ()))
        task = self._services.tasks.spawn(self._leave(account, to, end), f"leave {account.session_id}")
        self._out_of_turn.add(task)
        task.add_done_callback(self._out_of_turn.discard)
        return account.has_moved

    async def _move(self, account: Account, full: Collection[str] = ()) -> None:
        to, end = await account.mailbox.ask(lambda: self._hand_over(account, full))
        await self._leave(account, to, end)

    async def _leave(self, account: Account, to: str, end: _End) -> None:
        if not to:
            return
        metrics.ACCOUNTS_MOVED.labels(end.value).inc()
        _log.info("account handed over", session=account.session_id, to=to, result=end.value)
        if end is _End.OPEN:
            await self._follow(account, to)
        elif end is _End.MOVED:
            await account.leave(is_bound=True)

    # -- one account, in its mailbox

    async def _hand_over(self, account: Account, full: Collection[str]) -> tuple[str, _End]:
        to = self.choose(full)
        heard = None if to is None else self._agents.last(to)
        if to is None or heard is None or not account.can_move:
            return "", _End.KEPT
        moves, session_id = self._accounts.moves, account.session_id
        moves.begin(session_id)
        end = _End.KEPT
        try:
            end = await self._ask(account, to)
        finally:
            if end is _End.KEPT:
                moves.stays(session_id)
            else:
                account.moved()
                moves.moved(session_id, heard[0].address, account.next_hop.knows)
        return to, end

    async def _ask(self, account: Account, to: str) -> _End:
        await account.switchboard.save()
        command = AdoptAccount(
            id=command_id(),
            expires_at=expiry(),
            epoch=account.epoch + 1,
            session_id=account.session_id,
            calls=tuple(account.switchboard.calls),
        )
        try:
            await self._services.bus.request(agent_commands(to), command, Done, ADOPTED_WITHIN)
        except NoOwner:
            return _End.KEPT
        except DeadlineExceeded:
            return await self._settle(account.take_back)
        except RemoteError as error:
            _log.info("account not adopted", session=account.session_id, by=to, error=str(error))
            return await self._settle(lambda: self._is_ours(account))
        return _End.MOVED

    async def _settle(self, is_ours: Callable[[], Awaitable[bool]]) -> _End:
        """Learn from the record who the owner is, however long that takes; without the lease it is not us."""
        while self._services.lease.held():
            try:
                return _End.KEPT if await is_ours() else _End.OPEN
            except (nats.errors.Error, DeadlineExceeded) as error:
                _log.warning("owner not known yet", error=repr(error))
                await asyncio.sleep(LOOK_EVERY)
        return _End.OPEN

    async def _is_ours(self, account: Account) -> bool:
        entry = await self._services.store.accounts.get(account.session_id)
        return entry is None or entry.record.owner == self._services.agent

    # -- afterwards

    async def _follow(self, account: Account, to: str) -> None:
        """Keep our Contact until the new owner has its own: calls reach it through us. Take over from a dead one."""
        until = time.monotonic() + SETTLED_WITHIN
        while time.monotonic() < until:
            try:
                if await self._is_settled(account, to):
                    break
            except (nats.errors.Error, RemoteError) as error:
                _log.info("account not followed yet", session=account.session_id, error=repr(error))
            await asyncio.sleep(LOOK_EVERY)
        await account.leave(is_bound=self._accounts.find(account.session_id) in (None, account))

    async def _is_settled(self, account: Account, to: str) -> bool:
        entry = await self._services.store.accounts.get(account.session_id)
        if entry is None or entry.record.owner != to:
            return True
        if await find_live(self._services.store.leases, to) is not None:
            return entry.record.registration in ("registered", "none")
        theirs = await self._services.store.calls.names_of(account.session_id)
        taken = await self._accounts.take_over(account.session_id, entry.record.epoch + 1, theirs)
        await taken.go_on()
        return True

    async def _finish_forwarding(self, until: float) -> None:
        """Stay for the requests that only we can bring to their new agent."""
        await asyncio.sleep(LINGER)
        await self._accounts.moves.join(until - time.monotonic())
