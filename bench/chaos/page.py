"""A page: its socket, which it opens anew at another pod when it is lost, and one call, with the SDK's rules."""

import asyncio
import itertools
import json
import random
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from shared.tasks import Tasks

from .page_media import PageMedia, Way

REPLY_SECONDS = 10.0
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 5.0  # of the SDK
_SOCKET: dict[str, Any] = {"open_timeout": REPLY_SECONDS, "close_timeout": 1, "ping_interval": 5, "ping_timeout": 5}
_NOT_NOW = {408, 429, 480, 500, 503, 504}
_REFUSED_TOKEN = 403

State = Literal["none", "ringing", "established", "ended"]


class Gone(ConnectionError):
    """The socket was lost before the reply came."""


@dataclass
class Front:
    """What stands before the signaling pods: pages come to the first that is in service, else to the next."""

    urls: list[str] = field(default_factory=list)

    def url(self, attempt: int) -> str:
        """Where to try."""
        return self.urls[attempt % len(self.urls)]


class Page:
    """One session with one call."""

    def __init__(self, front: Front, login: dict[str, Any], tasks: Tasks) -> None:
        self.media = PageMedia()
        self.state: State = "none"
        self.call_id = ""
        self.end: dict[str, Any] = {}  # the event `call.ended`
        self.resumes = 0
        self.offer = ""  # of a call that rings here
        self.is_over = False  # the session is gone though nobody logged out
        self._front = front
        self._login = login
        self._tasks = tasks
        self._changed = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._socket: ClientConnection | None = None
        self._session = ""
        self._token, self._next_token = "", ""
        self._is_registered = False
        self._leaves = False
        self._way: Way | None = None  # of our offer
        self._reanchored = ""

    # -- what it does

    async def log_in(self) -> None:
        """Open the session; return once its account is registered."""
        self._tasks.spawn(self._live(), "page")
        await self.until(lambda: self._is_registered)

    async def dial(self, callee: str) -> None:
        """Call somebody; return when that is under way."""
        self.call_id = f"c-{secrets.token_hex(8)}"
        self._way = self.media.open()
        await self.ask("call", call=self.call_id, to=callee, sdp=self._way.description("actpass"))

    async def answer(self) -> None:
        """Take the call that rings."""
        way, offer = self.media.open(), self.offer
        await self.ask("answer", call=self.call_id, sdp=way.description("active"))
        await way.go_to(offer)

    async def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """Return the reply, whatever it is; `Gone` where the socket is lost, `TimeoutError` where none comes."""
        if self._socket is None:
            raise Gone(type)
        number = str(next(self._numbers))
        self._replies[number] = reply = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(REPLY_SECONDS):
            try:
                await self._socket.send(json.dumps({"type": type, "id": number, **fields}))
            except ConnectionClosed:
                raise Gone(type) from None
            return await reply

    async def until(self, holds: Any, within: float = 30.0) -> None:
        """Return once something of this page holds."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(holds)

    async def leave(self) -> None:
        """Log out, and close everything."""
        self._leaves = True
        if self._socket is not None:
            await self.ask("logout")
        self.media.close()

    @property
    def is_there(self) -> bool:
        """Whether it has a socket and its session."""
        return self._socket is not None

    # -- its socket

    async def _live(self) -> None:
        attempt, failures = 0, 0
        while not self._leaves and not self.is_over:
            try:
                async with connect(self._front.url(attempt), **_SOCKET) as socket:
                    await self._serve(socket)
                    failures = 0
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
                failures += 1
            self._lose()
            attempt += 1
            if not self._leaves and not self.is_over:
                delay = min(_FIRST_DELAY * 2**failures, _LONGEST_DELAY)
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))

    def _lose(self) -> None:
        self._socket = None
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(Gone("the socket is lost"))
                reply.exception()  # read, whether or not somebody waits
        self._replies.clear()

    async def _serve(self, socket: ClientConnection) -> None:
        """Greet, and read until the socket is closed."""
        if not await self._greet(socket):
            return
        self._socket = socket
        await self._notify()
        async for text in socket:
            await self._take(json.loads(text))

    async def _greet(self, socket: ClientConnection) -> bool:
        if not self._session:
            reply = await _first(socket, {"type": "login", "id": "0", "version": 1, "sip": self._login})
            if reply["type"] != "ok":
                raise RuntimeError(f"login: {reply}")
            self._session, self._token = reply["session"], reply["resume_token"]
            self._next_token = secrets.token_urlsafe(32)
            return True
        reply = await self._resume(socket)
        if reply["type"] == "error" and reply["status"] == _REFUSED_TOKEN:
            # Its reply may have been lost with the socket: the next token is the one, then.
            self._token, self._next_token = self._next_token, secrets.token_urlsafe(32)
            reply = await self._resume(socket)
        if reply["type"] == "ok":
            self._token, self._next_token = self._next_token, secrets.token_urlsafe(32)
            self.resumes += 1
            await self._compare(reply)
            return True
        self.is_over = reply["status"] not in _NOT_NOW
        await self._notify()
        return False

    async def _resume(self, socket: ClientConnection) -> dict[str, Any]:
        fields = {"session": self._session, "resume_token": self._token, "next_token": self._next_token}
        return await _first(socket, {"type": "resume", "id": "0", "version": 1, **fields})

    async def _compare(self, reply: dict[str, Any]) -> None:
        """Forget what was known of the call and take what the pod says of it."""
        known = next((call for call in reply["calls"] if call["call"] == self.call_id), None)
        if known is None:
            if self.state in ("ringing", "established"):
                self.state, self.end = "ended", {"status": 481, "reason": "not in the list", "by": "system"}
            return
        if known["state"] == "established":
            self._establish(known.get("sdp", ""))
            if known.get("offer"):
                self._reanchor(known["offer"])
        elif known["direction"] == "incoming":
            self.offer = known.get("offer") or known.get("sdp") or self.offer

    # -- what it hears

    async def _take(self, frame: dict[str, Any]) -> None:
        if "re" in frame:
            reply = self._replies.pop(frame["re"] or "", None)
            if reply is not None and not reply.done():
                reply.set_result(frame)
            return
        match frame["type"]:
            case "registration":
                self._is_registered = frame["state"] == "registered"
            case "call.incoming":
                self.call_id, self.offer, self.state = frame["call"], frame["sdp"], "ringing"
            case "call.ringing":
                self.state = "ringing"
            case "call.established":
                self._establish(frame.get("sdp") or "")
            case "call.reanchor" if self.state == "established":
                self._reanchor(frame["sdp"])
            case "call.reanchor":
                self.offer = frame["sdp"]
            case "call.ended":
                self.state, self.end = "ended", frame
        await self._notify()

    def _establish(self, sdp: str) -> None:
        self.state = "established"
        way, self._way = self._way, None
        if way is not None and sdp:
            self._tasks.spawn(way.go_to(sdp), "way")

    def _reanchor(self, offer: str) -> None:
        if offer == self._reanchored:
            return
        self._reanchored = offer
        self._tasks.spawn(self._come_anew(offer), "way")

    async def _come_anew(self, offer: str) -> None:
        way = self.media.open()
        try:
            await self.ask("answer", call=self.call_id, sdp=way.description("active"))
        except Gone:
            self._reanchored = ""  # the pod that it resumes at offers the same once more
            return
        await way.go_to(offer)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _first(socket: ClientConnection, request: dict[str, Any]) -> dict[str, Any]:
    """Send a greeting; return its reply, before which nothing comes that matters."""
    await socket.send(json.dumps(request))
    async with asyncio.timeout(REPLY_SECONDS):
        while True:
            frame: dict[str, Any] = json.loads(await socket.recv())
            if "re" in frame:
                return frame
