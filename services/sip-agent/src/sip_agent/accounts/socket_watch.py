"""Which signaling pod holds the sockets of which sessions, and what follows from a pod's silence.

Looked after by pod: a sweep costs what there are pods, however many accounts there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import nats.errors
import structlog

from shared.errors import RemoteError
from shared.presence import GONE_AFTER, Presence
from sip_agent.accounts.account import Account
from sip_agent.ownership.hearing import UNHEARD_FOR
from sip_agent.services import Services

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pod:
    """`attached_at`: when it last spoke for a session, which is a sign of life too."""

    attached_at: float
    accounts: dict[str, Account] = field(default_factory=dict)
    silenced: set[str] = field(default_factory=set)  # sessions detached for its silence
    incarnation: str = ""  # that fell silent


class SocketWatch:
    """An account is under the pod that its record names: `forget` before that changes, `attached` after."""

    def __init__(self, services: Services, signaling: Presence, find: Callable[[str], Account | None]) -> None:
        self._services = services
        self._signaling = signaling
        self._find = find
        self._pods: dict[str, _Pod] = {}

    def attached(self, account: Account, now: float) -> None:
        """Its pod has spoken for a session."""
        pod = self._pods.setdefault(account.pod, _Pod(now))
        pod.attached_at = now
        pod.accounts[account.session_id] = account

    def forget(self, account: Account) -> None:
        """A session is at its pod no more."""
        pod = self._pods.get(account.pod)
        if pod is not None and pod.accounts.get(account.session_id) is account:
            del pod.accounts[account.session_id]
            pod.silenced.discard(account.session_id)
            if not pod.accounts:
                del self._pods[account.pod]

    def sweep(self, now: float) -> None:
        """Judge every pod; only while our hearing is good."""
        for name, pod in list(self._pods.items()):
            self._judge(name, pod, now)

    def _judge(self, name: str, pod: _Pod, now: float) -> None:
        heard = self._signaling.last(name)
        incarnation, heard_at = ("", 0.0) if heard is None else (heard[0].incarnation, heard[1])
        if now - heard_at < GONE_AFTER:
            if pod.silenced:
                self._heard_again(pod, incarnation)
        elif now - max(heard_at, pod.attached_at) > UNHEARD_FOR:
            pod.incarnation = incarnation
            self._silence(name, pod)

    def _silence(self, name: str, pod: _Pod) -> None:
        grace = self._services.settings.grace_seconds
        for account in pod.accounts.values():
            if account.is_attached and account.session_id not in pod.silenced:
                _log.warning("signaling pod is gone", pod=name, session=account.session_id)
                pod.silenced.add(account.session_id)
                account.mailbox.post(lambda account=account: account.detach(name, grace))  # type: ignore[misc]

    def _heard_again(self, pod: _Pod, incarnation: str) -> None:
        silenced, pod.silenced = pod.silenced, set()
        for session_id in silenced if incarnation == pod.incarnation else ():
            account = self._find(session_id)
            if account is not None:
                account.mailbox.post(lambda account=account: self._attach_again(account))  # type: ignore[misc]

    async def _attach_again(self, account: Account) -> None:
        """A pod was away, not gone: if its record says that it still has the socket, so it has."""
        try:
            entry = await self._services.store.sessions.get(account.session_id)
        except nats.errors.Error:
            pod = self._pods.get(account.pod)
            if pod is not None:
                pod.silenced.add(account.session_id)  # the next round asks again
            return
        if entry is None or entry.record.pod != account.pod or entry.record.detached_at is not None:
            return
        try:
            await account.attach(account.pod)
        except RemoteError:  # the grace time was over first
            return
        _log.info("signaling pod is back", pod=account.pod, session=account.session_id)
