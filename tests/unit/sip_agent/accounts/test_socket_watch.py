"""Sessions and the signaling pods that hold their sockets, with pods that are heard or not."""

import random
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from shared.errors import RemoteError
from shared.messages import Heartbeat
from shared.presence import Presence
from shared.records import SessionRecord
from sip_agent.accounts.socket_watch import SocketWatch
from sip_agent.ownership.hearing import UNHEARD_FOR


class FakeAccount:
    """Runs what is posted when the test says so."""

    def __init__(self, session_id: str, pod: str = "pod-1") -> None:
        self.session_id = session_id
        self.pod = pod
        self.is_attached = True
        self.is_too_late = False
        self.mailbox = self
        self.work: list[Callable[[], Awaitable[None]]] = []
        self.done: list[str] = []

    def post(self, work: Callable[[], Awaitable[None]]) -> None:
        self.work.append(work)

    async def run(self) -> None:
        while self.work:
            await self.work.pop(0)()

    async def detach(self, pod: str, grace: float) -> None:
        self.is_attached = False
        self.done.append(f"detach {pod} {grace}")

    async def attach(self, pod: str) -> None:
        if self.is_too_late:
            raise RemoteError(481, "Session Is Closing")
        self.is_attached = True
        self.done.append(f"attach {pod}")


class Sessions:
    """The KV bucket."""

    def __init__(self) -> None:
        self.record: SessionRecord | None = SessionRecord(
            session_id="s-1", aor="a@b", pod="pod-1", agent="agent-1", epoch=1, resume_hash="", created_at=0.0
        )

    async def get(self, name: str) -> Any:
        return None if self.record is None else SimpleNamespace(record=self.record)


class Made:
    """A watch with one session."""

    def __init__(self) -> None:
        self.presence = Presence(random.Random(1))
        self.sessions = Sessions()
        settings, store = SimpleNamespace(grace_seconds=30.0), SimpleNamespace(sessions=self.sessions)
        self.account = FakeAccount("s-1")
        services: Any = SimpleNamespace(settings=settings, store=store)
        find: Any = {"s-1": self.account}.get
        self.watch = SocketWatch(services, self.presence, find)
        self.attached(0.0)

    def attached(self, now: float) -> None:
        account: Any = self.account
        self.watch.attached(account, now)

    def hear(self, now: float, incarnation: str = "i-1") -> None:
        beat = Heartbeat(kind="signaling", pod="pod-1", load=0, capacity=1, incarnation=incarnation)
        self.presence.hear(beat, now)

    async def sweep(self, now: float) -> list[str]:
        self.watch.sweep(now)
        await self.account.run()
        done, self.account.done = self.account.done, []
        return done


async def test_a_silent_pod_costs_its_sessions_their_socket_once() -> None:
    made = Made()
    made.hear(0.0)
    assert await made.sweep(UNHEARD_FOR - 0.1) == []
    assert await made.sweep(UNHEARD_FOR + 0.1) == ["detach pod-1 30.0"]
    made.account.is_attached = True
    assert await made.sweep(UNHEARD_FOR + 0.6) == []


async def test_a_pod_that_has_just_attached_a_session_lives() -> None:
    made = Made()
    made.attached(10.0)
    assert await made.sweep(10.0 + UNHEARD_FOR) == []
    assert await made.sweep(10.1 + UNHEARD_FOR) == ["detach pod-1 30.0"]


async def test_a_pod_that_is_heard_again_has_its_sessions_back() -> None:
    made = Made()
    made.hear(0.0)
    await made.sweep(4.0)
    made.hear(5.0)
    assert await made.sweep(5.1) == ["attach pod-1"]
    assert await made.sweep(5.2) == []


async def test_a_pod_that_has_started_anew_has_no_sockets() -> None:
    made = Made()
    made.hear(0.0)
    await made.sweep(4.0)
    made.hear(5.0, incarnation="i-2")
    assert await made.sweep(5.1) == []


async def test_a_session_that_is_elsewhere_by_now_is_not_attached_again() -> None:
    made = Made()
    made.hear(0.0)
    await made.sweep(4.0)
    made.sessions.record = None
    made.hear(5.0)
    assert await made.sweep(5.1) == []


async def test_a_grace_time_that_is_over_stays_over() -> None:
    made = Made()
    made.hear(0.0)
    await made.sweep(4.0)
    made.account.is_too_late = True
    made.hear(5.0)
    assert await made.sweep(5.1) == []


async def test_a_session_that_has_left_its_pod_is_not_judged_with_it() -> None:
    made = Made()
    account: Any = made.account
    made.watch.forget(account)
    assert await made.sweep(10.0) == []
