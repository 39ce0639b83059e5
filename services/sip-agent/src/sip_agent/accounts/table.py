"""All accounts of this agent: who may own one, the commands that concern them, and sessions whose pod died."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import TypeVar

import msgspec

from shared.errors import RemoteError
from shared.ids import new_id
from shared.kv import Conflict, Entry
from shared.messages import (
    AccountOpened,
    AdoptAccount,
    AnswerRenewal,
    AttachSession,
    CloseAccount,
    DetachSession,
    Done,
    MediaQuality,
    Message,
    OpenAccount,
    PlaySound,
    Probe,
    RenewalOffered,
    RenewMedia,
    SessionSnapshot,
    SipAccount,
    StartCall,
    StopSound,
)
from shared.presence import Presence
from shared.records import AccountRecord
from shared.subjects import session_events
from sip_agent.accounts.account import Account
from sip_agent.accounts.socket_watch import SocketWatch
from sip_agent.calls.call_news import quality_event_of
from sip_agent.calls.call_table import CallTable
from sip_agent.calls.live_call import LiveCall
from sip_agent.calls.relay_events import RelayEvent, hear
from sip_agent.calls.switchboard import CallCommand
from sip_agent.core.auth.digest import Credentials, DigestClient
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.uri import NameAddr, SipUri
from sip_agent.ownership.hearing import Hearing
from sip_agent.ownership.lease import find_live
from sip_agent.ownership.moves import Moves
from sip_agent.ownership.owned import OwnedRecord
from sip_agent.services import Services, token, wall_clock

SWEEP_EVERY = 0.5

T = TypeVar("T")

AsideCommand = RenewMedia | AnswerRenewal | PlaySound | StopSound
"""What waits for the relay, so that its turn is over before it is carried out."""

AccountCommand = AttachSession | DetachSession | CloseAccount | AsideCommand | CallCommand
"""What is for one account, and carried out in its mailbox."""


class Accounts:
    """Commands of one session are carried out in its mailbox, one after the other."""

    def __init__(self, services: Services, signaling: Presence) -> None:
        self._services = services
        self.calls = CallTable()
        self.moves = Moves(services)
        self._accounts: dict[str, Account] = {}
        self._sockets = SocketWatch(services, signaling, self._accounts.get)
        self._opening: set[str] = set()
        self.is_draining = False
        self.move_at_once: Callable[[Account], Awaitable[bool]] = _stay
        # What a former life of this pod had comes back here, or goes elsewhere, in a few seconds.
        self.is_settling = services.lease.has_former

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._accounts.values()))

    def find(self, session_id: str) -> Account | None:
        """Return the account of a session."""
        return self._accounts.get(session_id)

    # -- commands

    async def handle(self, message: Message) -> Message | None:
        """Carry out a command; raise `RemoteError` for what is none, above all for what relays tell."""
        if isinstance(message, AccountCommand):
            return await self._for_account(message)
        match message:
            case OpenAccount():
                return await self._open(message)
            case AdoptAccount():
                return await self._adopt(message)
            case Probe():
                return Done()
        raise _misplaced(message)

    async def hear(self, message: Message) -> None:
        """Take what a relay tells; raise `RemoteError` for all else: who has a relay's password commands nobody."""
        if isinstance(message, MediaQuality):
            await self._tell_quality(message)
        elif not isinstance(message, RelayEvent):
            raise _misplaced(message)
        elif (call := self.calls.find(message.call_id)) is not None:
            hear(call, message)

    async def _for_account(self, command: AccountCommand) -> Message:
        account = self._accounts.get(command.session_id)
        if account is None:
            raise RemoteError(481, "Session Does Not Exist")
        account.check_epoch(command.epoch)
        match command:
            case AttachSession(pod=pod):
                return await _in_turn(account, lambda: self._attach(account, pod))
            case DetachSession(pod=pod, grace_seconds=grace):
                await _in_turn(account, lambda: account.detach(pod, grace))
            case CloseAccount():
                if not account.is_closing:
                    await _in_turn(account, account.begin_close)
                    self._services.tasks.spawn(account.finish_close(), f"close {account.session_id}")
            case StartCall() if self.is_draining and command.call_id not in account.switchboard.calls:
                # It begins at the next agent, to which signaling sends it again, or nowhere: we shall not see its end.
                has_moved = await self.move_at_once(account)
                raise RemoteError(481, "Account Has Moved") if has_moved else RemoteError(503, "Agent Draining")
            case RenewMedia() | AnswerRenewal() | PlaySound() | StopSound():
                call = await _in_turn(account, lambda: account.switchboard.established(command.call_id))
                return await _aside(call, command)
            case _:
                await _in_turn(account, lambda: account.switchboard.carry_out(command))
        return Done()

    async def _attach(self, account: Account, pod: str) -> SessionSnapshot:
        self._sockets.forget(account)
        try:
            return await account.attach(pod)
        finally:
            if self._accounts.get(account.session_id) is account:
                self._sockets.attached(account, time.monotonic())

    async def _tell_quality(self, measured: MediaQuality) -> None:
        """Pass on what the relay has measured, while the call stands."""
        call = self.calls.find(measured.call_id)
        if call is not None and call.told_state == "established" and call.media_side.measured(measured.media_id):
            call.history.measured(measured.legs)
            session_id = call.facts.session_id
            await self._services.bus.publish(session_events(session_id), quality_event_of(measured, session_id))

    # -- owning

    async def _open(self, command: OpenAccount) -> AccountOpened:
        self._check_room()
        session_id = command.session_id
        account = self._accounts.get(session_id)
        if account is None:
            identity = self._identity(session_id, command.account)
            with self._taking(session_id):
                account = self._add(await self._own(command, identity))
            account.open()
        return AccountOpened(agent=self._services.agent, epoch=account.epoch)

    async def _adopt(self, command: AdoptAccount) -> Done:
        self._check_stays()  # nothing of capacity: what was taken once goes on, wherever that is
        account = self._accounts.get(command.session_id)
        if account is None or account.epoch != command.epoch:
            account = await self.take_over(command.session_id, command.epoch, command.calls)
            if not await account.go_on():
                raise RemoteError(504, "Not Registered Yet")
        return Done()

    async def take_over(self, session_id: str, epoch: int, call_ids: Collection[str]) -> Account:
        """Become the owner of another's account, under this epoch; raise `RemoteError` if it is not to be had."""
        with self._taking(session_id):
            entry = await self._services.store.accounts.get(session_id)
            if entry is None:
                raise RemoteError(481, "Session Does Not Exist")
            if entry.record.epoch + 1 != epoch:
                raise RemoteError(409, "Old Epoch")
            former_owner = await find_live(self._services.store.leases, entry.record.owner)
            if former_owner is not None:
                # What it sends on to us is no stranger's, even if we have started so late that we have not heard it.
                self._services.cluster.hear(former_owner.address, time.monotonic())
            return await self._succeed(entry, call_ids)

    async def inherit(self, entry: Entry[AccountRecord], call_ids: Collection[str]) -> None:
        """Take over an account that a dead agent has left; raise `RemoteError` if another is faster."""
        with self._taking(entry.record.session_id):
            account = await self._succeed(entry, call_ids)
        await account.succeed(entry.record.contact)

    async def _succeed(self, entry: Entry[AccountRecord], call_ids: Collection[str]) -> Account:
        """Requests wait until the calls are there: to them, a dialog that is not known yet is none."""
        session_id = entry.record.session_id
        is_registering = entry.record.account.register_required
        record = msgspec.structs.replace(
            entry.record,
            epoch=entry.record.epoch + 1,
            registration="registering" if is_registering else "none",
            account=self._sealed_anew(session_id, entry.record.account),
        )
        identity = self._identity(session_id, record.account)
        self.moves.forget(session_id)
        self.moves.begin(session_id)
        try:
            account = await self._take(record, identity, entry.revision)
            former = self._accounts.get(session_id)
            if former is not None:
                former.moved()
            self._add(account)
            is_same_place = entry.record.contact == identity.contact
            await account.mailbox.ask(lambda: account.switchboard.adopt_all(call_ids, is_same_place))
        finally:
            self.moves.stays(session_id)
        return account

    def _check_stays(self) -> None:
        if self.is_draining:
            raise RemoteError(503, "Draining")

    def _check_room(self) -> None:
        self._check_stays()
        if len(self._accounts) >= self._services.settings.capacity:
            raise RemoteError(503, "Full")

    @contextlib.contextmanager
    def _taking(self, session_id: str) -> Iterator[None]:
        if session_id in self._opening:
            raise RemoteError(409, "Being Opened")
        self._opening.add(session_id)
        try:
            yield
        finally:
            self._opening.discard(session_id)

    def _add(self, account: Account) -> Account:
        self._accounts[account.session_id] = account
        if not account.is_headless:
            self._sockets.attached(account, time.monotonic())
        return account

    def _identity(self, session_id: str, account: SipAccount) -> Identity:
        password = ""
        if account.sealed_password:
            password = self._services.seal.open(account.sealed_password, session_id)
        try:
            aor = SipUri.parse(f"sip:{account.login}@{account.domain}")
        except SipError as error:
            raise RemoteError(400, "Bad Login Or Domain") from error
        return Identity(
            NameAddr(account.display_name, aor),
            f"sip:{session_id}@{self._address(account, account.transport)}",
            DigestClient(Credentials(account.auth_name or account.login, password), token),
            f"sips:{session_id}@{self._address(account, 'tls').partition(';')[0]}",
        )

    def _sealed_anew(self, session_id: str, account: SipAccount) -> SipAccount:
        """The cluster's secret may have been changed: what is taken over does not need the former one any more."""
        if not account.sealed_password:
            return account
        sealed = self._services.seal.renewed(account.sealed_password, session_id)
        return msgspec.structs.replace(account, sealed_password=sealed)

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
            owner="",
            epoch=1,
            pod=command.pod,
            register_call_id=new_id("r", os.urandom),
            idle_seconds=command.idle_seconds,
            takes_calls=command.takes_calls,
            created_at=wall_clock(),
        )
        revision = 0
        existing = await services.store.accounts.get(command.session_id)
        if existing is not None:
            # The lease tells whether the owner may still act; the compare-and-swap below, whether we were first.
            owner = existing.record.owner
            if owner != services.agent and await find_live(services.store.leases, owner):
                raise RemoteError(409, "Owned By Another Agent")
            record = msgspec.structs.replace(
                record,
                epoch=existing.record.epoch + 1,
                register_call_id=existing.record.register_call_id,
                register_cseq=existing.record.register_cseq,
            )
            revision = existing.revision
        return await self._take(record, identity, revision)

    async def _take(self, record: AccountRecord, identity: Identity, revision: int) -> Account:
        services = self._services
        record = msgspec.structs.replace(
            record, owner=services.agent, incarnation=services.lease.incarnation, contact=identity.contact
        )
        holding = await services.owner_index.hold(record, services.lease.held)
        kv = OwnedRecord(services.store.accounts, record.session_id, services.agent, services.lease.held, revision)
        try:
            await kv.save(record)
        except Conflict as error:
            await holding.release()
            raise RemoteError(409, "Owned By Another Agent") from error
        return Account(services, record, identity, kv, holding, self.calls, self._gone)

    def _gone(self, account: Account) -> None:
        if self._accounts.get(account.session_id) is not account:  # taken over again meanwhile
            return
        del self._accounts[account.session_id]
        self._sockets.forget(account)

    # -- pods that say nothing any more

    async def watch(self, hearing: Hearing) -> None:
        """Detach, for ever, the sessions of pods that are not heard."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            now = time.monotonic()
            if hearing.is_good(now):
                self._sockets.sweep(now)

    async def drop(self) -> None:
        """Forget every account without a word: this agent was taken for dead, and others have them."""
        for account in self:
            account.lost()

    async def close(self) -> None:
        """End every account, for this agent is leaving."""
        await asyncio.gather(*(account.close("Agent Draining") for account in self))


def _misplaced(message: Message) -> RemoteError:
    return RemoteError(403, f"{type(message).__name__} On This Subject")


async def _stay(_: Account) -> bool:
    """Where there is nobody to give an account to."""
    return False


async def _aside(call: LiveCall, command: AsideCommand) -> Message:
    """Carry out what waits for the relay."""
    match command:
        case RenewMedia():
            return RenewalOffered(browser_sdp=await call.media_side.renew())
        case AnswerRenewal(browser_sdp=sdp):
            await call.media_side.answer_renewal(sdp)
        case PlaySound(sound=sound):
            await call.sounds.play(sound)
        case StopSound():
            await call.sounds.stop()
    return Done()


async def _in_turn(account: Account, work: Callable[[], Awaitable[T]]) -> T:
    """Carry out a command in the account's mailbox, if the account has not moved before its turn."""

    async def checked() -> T:
        account.check_here()
        return await work()

    return await account.mailbox.ask(checked)
