"""Seats round a signaling pod: a page on a WebSocket, and an agent and a relay that do as the test says."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from nats.aio.subscription import Subscription
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.ids import new_id
from shared.messages import (
    AccountOpened,
    AllocateMedia,
    AttachSession,
    Command,
    Done,
    Event,
    Heartbeat,
    IncomingAccepted,
    IncomingCall,
    MediaAllocated,
    MediaRef,
    Message,
    OpenAccount,
    ReleaseMedia,
    SessionSnapshot,
)
from shared.messages.presence import PodKind
from shared.presence import beat
from shared.records import SessionRecord
from shared.settings import CommonSettings
from shared.store import Store, open_store
from shared.subjects import agent_commands, relay_commands, session_events
from shared.tasks import Tasks
from signaling.app import Running, running
from signaling.settings import Settings

SECRET = "a secret of the cluster"
BROWSER_SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
SIP_SDP = "v=0\r\no=- 2 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
PATIENCE = 10.0

C = TypeVar("C", bound=Command)


class Seat:
    """A pod of another service: it is heard, answers every command, and keeps what it got."""

    kind: PodKind = "agent"

    def __init__(self, bus: Bus, pod: str) -> None:
        self.bus = bus
        self.pod = pod
        self.got: asyncio.Queue[Command] = asyncio.Queue()
        self.refuse: dict[type[Command], RemoteError] = {}
        self.hold: dict[type[Command], asyncio.Event] = {}
        self.draining = False

    def heartbeat(self) -> Heartbeat:
        """Say that there is room."""
        return Heartbeat(kind=self.kind, pod=self.pod, load=0, capacity=100_000, draining=self.draining)

    async def on_command(self, message: Message) -> Message | None:
        """Note it; answer it when the test lets it."""
        if not isinstance(message, Command):
            return None
        self.got.put_nowait(message)
        if type(message) in self.hold:
            await self.hold[type(message)].wait()
        if type(message) in self.refuse:
            raise self.refuse[type(message)]
        return self.reply(message)

    def reply(self, command: Command) -> Message:
        """Return the reply where nothing else was asked for."""
        return Done()

    async def expect(self, kind: type[C]) -> C:
        """Return the next command, which must be of this kind."""
        async with asyncio.timeout(PATIENCE):
            command = await self.got.get()
        assert isinstance(command, kind), f"{self.pod} got {command}"
        return command


class AgentSeat(Seat):
    """A sip-agent."""

    def __init__(self, bus: Bus, pod: str) -> None:
        super().__init__(bus, pod)
        self.snapshot = SessionSnapshot(registration="registered", status=200, reason="OK")

    def reply(self, command: Command) -> Message:
        """Open and attach."""
        match command:
            case OpenAccount():
                return AccountOpened(agent=self.pod, epoch=7)
            case AttachSession():
                return self.snapshot
            case _:
                return Done()

    async def tell(self, session_id: str, *events: Event) -> None:
        """Publish events of a session."""
        for event in events:
            await self.bus.publish(session_events(session_id), event)

    async def ring(
        self, session_id: str, call_id: str, deadline: float = 2.0, sip_sdp: str = SIP_SDP
    ) -> IncomingAccepted:
        """Offer an incoming call."""
        call = IncomingCall(
            id=new_id("q", os.urandom),
            expires_at=expiry(deadline),
            session_id=session_id,
            call_id=call_id,
            agent=self.pod,
            caller="carol@example.org",
            callee="alice@cordboard.local",
            caller_name="Carol",
            sip_sdp=sip_sdp,
        )
        return await self.bus.request(session_events(session_id), call, IncomingAccepted)


class RelaySeat(Seat):
    """A media-relay; `sessions` are those that nobody has released."""

    kind: PodKind = "relay"

    def __init__(self, bus: Bus, pod: str) -> None:
        super().__init__(bus, pod)
        self.sessions: set[str] = set()
        self.sdp_for_browser = BROWSER_SDP

    def reply(self, command: Command) -> Message:
        """Allocate and release."""
        match command:
            case AllocateMedia():
                self.sessions.add(command.media_id)
                media = MediaRef(relay=self.pod, media_id=command.media_id)
                if command.browser_sdp is not None or command.is_headless:
                    return MediaAllocated(media=media, sip_sdp=SIP_SDP)
                return MediaAllocated(media=media, browser_sdp=self.sdp_for_browser)
            case ReleaseMedia():
                self.sessions.discard(command.media_id)
                return Done()
            case _:
                return Done()


def resumption(session: str, token: str, next_token: str = "") -> dict[str, Any]:
    """Return the fields of a `resume`."""
    next_token = next_token or secrets.token_urlsafe(32)
    return {"version": 1, "session": session, "resume_token": token, "next_token": next_token}


class Page:
    """A browser page: requests and their replies, events in their order, and how the socket was closed."""

    def __init__(self, socket: ClientConnection, tasks: Tasks) -> None:
        self.socket = socket
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._seq = 0
        self._asked = 0
        self.session = ""
        self.resume_token = ""
        tasks.spawn(self._read(), "page")

    async def _read(self) -> None:
        try:
            while True:
                frame = json.loads(await self.socket.recv())
                (self._events if "seq" in frame else self._replies).put_nowait(frame)
        except ConnectionClosed as closed:
            self.closed.set_result(closed.rcvd.code if closed.rcvd else 1006)

    async def reply(self) -> dict[str, Any]:
        """Return the next reply."""
        async with asyncio.timeout(PATIENCE):
            return await self._replies.get()

    async def send(self, type: str, **fields: Any) -> str:
        """Send a request and return its id."""
        self._asked += 1
        await self.socket.send(json.dumps({"type": type, "id": str(self._asked), **fields}))
        return str(self._asked)

    async def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """Send a request and return its reply, which is the next one."""
        asked = await self.send(type, **fields)
        reply = await self.reply()
        assert reply["re"] == asked
        return reply

    async def event(self, type: str) -> dict[str, Any]:
        """Return the next event, which must be of this type, without `type` and `seq`."""
        async with asyncio.timeout(PATIENCE):
            event = await self._events.get()
        self._seq += 1
        assert event.pop("seq") == self._seq
        assert event.pop("type") == type, event
        return event

    async def close_code(self) -> int:
        """Return how the pod closed the socket."""
        async with asyncio.timeout(PATIENCE):
            return await self.closed

    async def log_in(self, login: str = "alice") -> str:
        """Log in with SIP credentials; return the session's id."""
        return self._entered(
            await self.ask("login", version=1, sip={"login": login, "password": "secret", "domain": ""})
        )

    async def try_to_resume(self, session: str, token: str, next_token: str = "") -> dict[str, Any]:
        """Ask to resume a session; return the reply, whatever it is."""
        return await self.ask("resume", **resumption(session, token, next_token))

    async def resume(self, session: str, token: str, next_token: str = "") -> dict[str, Any]:
        """Resume a session; return the reply."""
        reply = await self.try_to_resume(session, token, next_token)
        self._entered(reply)
        return reply

    def _entered(self, reply: dict[str, Any]) -> str:
        assert reply["type"] == "ok", reply
        self.session, self.resume_token = reply["session"], reply["resume_token"]
        return self.session


class Stage:
    """One or more signaling pods on one bus, an agent, a relay, and pages."""

    def __init__(self, nats_url: str, bus: Bus, store: Store, stack: contextlib.AsyncExitStack) -> None:
        self.nats_url = nats_url
        self.bus = bus
        self.store = store
        self._stack = stack
        self.tasks = Tasks("stage")
        self.agent = AgentSeat(bus, "agent-1")
        self.relay = RelaySeat(bus, "relay-1")
        self._seats: dict[str, Subscription] = {}

    async def take_seat(self, seat: Seat) -> None:
        """Be heard and served."""
        subject = agent_commands(seat.pod) if seat.kind == "agent" else relay_commands(seat.pod)
        self._seats[seat.pod] = await self.bus.serve(subject, seat.on_command)
        self.tasks.spawn(beat(self.bus, seat.heartbeat), seat.pod)

    async def leave_seat(self, seat: Seat) -> None:
        """Be heard still, but not served any more; return once the server knows."""
        await self._seats[seat.pod].unsubscribe()
        await self.bus.settle()

    async def until_sessions(self, count: int) -> None:
        """Wait until KV has so many sessions."""
        async with asyncio.timeout(PATIENCE):
            while len(await self.store.sessions.names()) != count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def until_agent_is(self, session_id: str, agent: str) -> SessionRecord:
        """Wait until a session's record names this agent."""
        async with asyncio.timeout(PATIENCE):
            while True:
                entry = await self.store.sessions.get(session_id)
                if entry is not None and entry.record.agent == agent:
                    return entry.record
                await asyncio.sleep(0.02)

    async def pod(self, name: str = "signaling-1", ready: bool = True, **settings: Any) -> Running:
        """Start a signaling pod; wait until it hears an agent and a relay."""
        pod = await self._stack.enter_async_context(self.passing_pod(name, **settings))
        if ready:
            await eventually(lambda: pod.pod.not_ready() == "")
        return pod

    def passing_pod(self, name: str, **settings: Any) -> contextlib.AbstractAsyncContextManager[Running]:
        """Return a pod that ends with its block."""
        given = {
            "nats_url": self.nats_url,
            "pod": name,
            "secret": SECRET,
            "host": "127.0.0.1",
            "port": 0,
            "resume_grace_seconds": 0.2,
            "sweep_seconds": 0.2,
        }
        return running(Settings(**{**given, **settings}))

    async def page(self, pod: Running, **options: Any) -> Page:
        """Open a WebSocket."""
        connection = await self._stack.enter_async_context(connect(f"ws://{pod.address}/ws", **options))
        return Page(connection, self.tasks)

    async def unread_page(self, pod: Running) -> Page:
        """Open a WebSocket with a small receive buffer; once reading is paused, it is full soon."""
        host, _, port = pod.address.rpartition(":")
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
        return await self.page(pod, sock=raw, max_queue=1, ping_interval=None, close_timeout=0.1)


async def eventually(true: Any) -> None:
    """Wait until a condition of the pod's inside holds, for which there is no event to await."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def stage(nats_url: str) -> AsyncIterator[Stage]:
    """Set everything up but signaling."""
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
    async with contextlib.AsyncExitStack() as stack:
        here = Stage(nats_url, bus, await open_store(bus), stack)
        await here.take_seat(here.agent)
        await here.take_seat(here.relay)
        yield here
    await here.tasks.aclose()
    await bus.aclose()
