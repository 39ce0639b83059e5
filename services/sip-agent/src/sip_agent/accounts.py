"""All accounts of this agent: who may own one, the commands that concern them, and sessions whose pod died."""

import asyncio
import os
import time

import msgspec
import nats.errors
import structlog

from shared.errors import RemoteError
from shared.ids import new_id
from shared.kv import Conflict
from shared.messages import (
    AccountOpened,
    AttachSession,
    CloseAccount,
    DetachSession,
    Done,
    MediaFailed,
    Message,
    OpenAccount,
    SipAccount,
)
from shared.presence import GONE_AFTER, Presence
from shared.records import AccountRecord
from sip_agent.account import Account
from sip_agent.call_table import CallTable
from sip_agent.core.auth.digest import Credentials, DigestClient
from sip_agent.core.call.identity import Identity
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.uri import NameAddr, SipUri
from sip_agent.hearing import UNHEARD_FOR, Hearing, RelayWatch
from sip_agent.owned import OwnedRecord
from sip_agent.services import Services, token
from sip_agent.switchboard import CallCommand

_log = structlog.get_logger(__name__)

SWEEP_EVERY = 0.5

AccountCommand = AttachSession | DetachSession | CloseAccount | CallCommand
"""What is for one account, and carried out in its mailbox."""


class Accounts:
    """Commands of one session are carried out in its mailbox, one after the other."""

    def __init__(self, services: Services, signaling: Presence) -> None:
        self._services = services
        self._signaling = signaling
        self.calls = CallTable()
        self._accounts: dict[str, Account] = {}
        self._attached_at: dict[str, float] = {}
        self._opening: set[str] = set()
        self._silenced: dict[str, str] = {}  # sessions detached because their pod was silent: its incarnation
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._accounts)

    def find(self, session_id: str) -> Account | None:
        """Return the account of a session."""
        return self._accounts.get(session_id)

    # -- commands

    async def handle(self, message: Message) -> Message | None:
        """Carry out a command or take an event; None for what is neither of ours."""
        if isinstance(message, AccountCommand):
            return await self._for_account(message)
        match message:
            case OpenAccount():
                return await self._open(message)
            case MediaFailed(call_id=call_id, reason=reason):
                self._media_failed(call_id, reason)
        return None

    async def _for_account(self, command: AccountCommand) -> Message:
        account = self._accounts.get(command.session_id)
        if account is None:
            raise RemoteError(481, "Session Does Not Exist")
        account.check_epoch(command.epoch)
        match command:
            case AttachSession(pod=pod):
                self._attached_at[account.session_id] = time.monotonic()
                return await account.mailbox.ask(lambda: account.attach(pod))
            case DetachSession(pod=pod, grace_seconds=grace):
                await account.mailbox.ask(lambda: account.detach(pod, grace))
            case CloseAccount():
                self._services.tasks.spawn(account.close(), f"close {account.session_id}")
            case _:
                await account.mailbox.ask(lambda: account.switchboard.carry_out(command))
        return Done()

    def _media_failed(self, call_id: str, reason: str) -> None:
        call = self.calls.find(call_id)
        if call is not None:
            call.fail(503, f"Media Failed ({reason})")

    # -- owning

    async def _open(self, command: OpenAccount) -> AccountOpened:
        if self.is_draining or len(self._accounts) >= self._services.settings.capacity:
            raise RemoteError(503, "Draining" if self.is_draining else "Full")
        known = self._accounts.get(command.session_id)
        if known is not None:
            return AccountOpened(agent=self._services.agent, epoch=known.epoch)
        if command.session_id in self._opening:
            raise RemoteError(409, "Being Opened")
        identity = self._identity(command)
        self._opening.add(command.session_id)
        try:
            account = await self._own(command, identity)
        finally:
            self._opening.discard(command.session_id)
        self._accounts[command.session_id] = account
        self._attached_at[command.session_id] = time.monotonic()
        account.open()
        return AccountOpened(agent=self._services.agent, epoch=account.epoch)

    def _identity(self, command: OpenAccount) -> Identity:
        account = command.account
        password = ""
        if account.sealed_password:
            password = self._services.seal.open(account.sealed_password, command.session_id)
        try:
            aor = SipUri.parse(f"sip:{account.login}@{account.domain}")
        except SipError as error:
            raise RemoteError(400, "Bad Login Or Domain") from error
        return Identity(
            NameAddr(account.display_name, aor),
            f"sip:{command.session_id}@{self._address(account, account.transport)}",
            DigestClient(Credentials(account.auth_name or account.login, password), token),
            f"sips:{command.session_id}@{self._address(account, 'tls').partition(';')[0]}",
        )

    def _address(self, account: SipAccount, transport: str) -> str:
        """Where the account's server reaches us by a transport, in the address family that we reach it by."""
        is_ipv6 = (account.outbound_proxy or account.domain).startswith("[")
        address = self._services.listening.address(transport, is_ipv6)
        return f"{address};transport={transport}" if transport in ("tcp", "tls") else address

    async def _own(self, command: OpenAccount, identity: Identity) -> Account:
        services = self._services
        record = AccountRecord(
            session_id=command.session_id,
            account=command.account,
            owner=services.agent,
            epoch=1,
            pod=command.pod,
            register_call_id=new_id("r", os.urandom),
        )
        revision = 0
        existing = await services.store.accounts.get(command.session_id)
        if existing is not None:
            # The lease tells whether the owner may still act; the compare-and-swap below, whether we were first.
            if existing.record.owner != services.agent and await services.store.leases.get(existing.record.owner):
                raise RemoteError(409, "Owned By Another Agent")
            record = msgspec.structs.replace(
                record,
                epoch=existing.record.epoch + 1,
                register_call_id=existing.record.register_call_id,
                register_cseq=existing.record.register_cseq,
            )
            revision = existing.revision
        kv = OwnedRecord(services.store.accounts, command.session_id, services.agent, services.lease.held, revision)
        try:
            await kv.save(record)
        except Conflict as error:
            raise RemoteError(409, "Owned By Another Agent") from error
        return Account(services, record, identity, kv, self.calls, self._gone)

    def _gone(self, account: Account) -> None:
        self._accounts.pop(account.session_id, None)
        self._attached_at.pop(account.session_id, None)
        self._silenced.pop(account.session_id, None)

    # -- pods that say nothing any more

    async def watch(self, hearing: Hearing, relays: RelayWatch) -> None:
        """Detach, for ever, the sessions of pods that are not heard, and end the calls of such relays."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            now = time.monotonic()
            if hearing.is_good(now):
                relays.sweep(now)
                for account in list(self._accounts.values()):
                    self._judge(account, now)

    def _judge(self, account: Account, now: float) -> None:
        session_id, pod = account.session_id, account.pod
        heard = self._signaling.last(pod)
        incarnation, heard_at = ("", 0.0) if heard is None else (heard[0].incarnation, heard[1])
        if now - heard_at < GONE_AFTER:
            if self._silenced.pop(session_id, None) == incarnation:
                account.mailbox.post(lambda: self._heard_again(account, incarnation))
        elif account.is_attached and now - max(heard_at, self._attached_at[session_id]) > UNHEARD_FOR:
            _log.warning("signaling pod is gone", pod=pod, session=session_id)
            self._silenced[session_id] = incarnation
            grace = self._services.settings.grace_seconds
            account.mailbox.post(lambda: account.detach(pod, grace))

    async def _heard_again(self, account: Account, incarnation: str) -> None:
        """A pod was away, not gone: if its record says that it still has the socket, so it has."""
        try:
            entry = await self._services.store.sessions.get(account.session_id)
        except nats.errors.Error:
            self._silenced[account.session_id] = incarnation  # the next round asks again
            return
        if entry is None or entry.record.pod != account.pod or entry.record.detached_at is not None:
            return
        try:
            await account.attach(account.pod)
        except RemoteError:  # the grace time was over first
            return
        _log.info("signaling pod is back", pod=account.pod, session=account.session_id)

    async def close(self) -> None:
        """End every account, for this agent is leaving."""
        await asyncio.gather(*(account.close("Agent Draining") for account in list(self._accounts.values())))
