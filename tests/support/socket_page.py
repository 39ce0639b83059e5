"""A page without a browser: a real socket to signaling, which can be cut, and media that is measured."""

import asyncio
import contextlib
import itertools
import json
import secrets
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from media_relay.core.description.sdp import parse
from media_relay.core.plan import Address, IceCredentials
from shared.tasks import Tasks

from .measured_calls import Ear, browser_sdp, speak
from .media_relay import fingerprint
from .services import MEDIA_ADDRESS
from .webrtc_client import WebRtcClient

PATIENCE = 10.0
_numbers = itertools.count(1)


class SocketPage:
    """It makes, or takes, one call at a time. Events are kept; `expect` waits for the next of a kind."""

    def __init__(self, tasks: Tasks) -> None:
        self.ear = Ear()
        self.session = ""
        self.call = ""
        self._tasks = tasks
        self._socket: ClientConnection | None = None
        self._client: WebRtcClient | None = None
        self._way = Tasks("way")  # what is done with the client
        self._resume_token = ""
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: list[dict[str, Any]] = []
        self._arrived = asyncio.Condition()

    # -- the socket

    async def open(self, url: str) -> None:
        """Connect to a pod."""
        self._socket = socket = await connect(url)
        self._tasks.spawn(self._read(socket), "page")

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                frame = json.loads(await socket.recv())
                if "re" in frame:
                    self._replies.pop(frame["re"]).set_result(frame)
                    continue
                async with self._arrived:
                    self._events.append(frame)
                    self._arrived.notify_all()

    def cut(self) -> None:
        """Lose the socket without a word."""
        assert self._socket is not None
        self._socket.transport.abort()

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a request and return its reply, whatever it is."""
        assert self._socket is not None
        number = str(next(_numbers))
        self._replies[number] = reply = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"type": kind, "id": number, **fields}))
        async with asyncio.timeout(PATIENCE):
            return await reply

    async def expect(self, kind: str, within: float = PATIENCE) -> dict[str, Any]:
        """Return the next event of a kind; others stay for later."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self._events if event["type"] == kind), None)

        async with self._arrived:
            try:
                async with asyncio.timeout(within):
                    await self._arrived.wait_for(lambda: found() is not None)
            except TimeoutError:
                raise AssertionError(f"no {kind}; had {self._events}") from None
            event = found()
            assert event is not None
            self._events.remove(event)
        return event

    # -- the session

    async def log_in(self, login: str, password: str = "secret", domain: str = "", proxy: str = "") -> None:
        """Log in at the built-in domain, or at the SIP server that `proxy` is, which wants no registration."""
        sip = {"login": login, "password": password, "domain": domain}
        if proxy:
            host, _, port = proxy.partition(":")
            sip |= {"outbound_proxy": host, "port": int(port), "transport": "udp", "register": False}
        self._entered(await self.ask("login", version=1, sip=sip))

    async def resume(self, url: str) -> dict[str, str]:
        """Go on at another pod; return how its calls stand there."""
        await self.open(url)
        shown, new = self._resume_token, secrets.token_urlsafe(32)
        reply = await self.ask("resume", version=1, session=self.session, resume_token=shown, next_token=new)
        self._entered(reply)
        return {call["call"]: call["state"] for call in reply["calls"]}

    def _entered(self, reply: dict[str, Any]) -> None:
        assert reply["type"] == "ok", reply
        self.session, self._resume_token = reply["session"], reply["resume_token"]

    # -- a call

    async def dial(self, callee: str) -> dict[str, Any]:
        """Call somebody; return the reply."""
        self._client = await WebRtcClient.open(0, IceCredentials("", ""), MEDIA_ADDRESS)
        self.call = f"c-{secrets.token_hex(8)}"
        return await self.ask("call", call=self.call, to=callee, sdp=browser_sdp(self._client, "actpass"))

    async def through(self) -> None:
        """Wait until the callee has answered, and media flows."""
        await self._connect((await self.expect("call.established"))["sdp"])

    async def ringing(self) -> str:
        """Wait until somebody calls; return what it offers."""
        incoming = await self.expect("call.incoming")
        self.call = incoming["call"]
        return str(incoming["sdp"])

    async def answer(self, offer: str) -> None:
        """Take the call that rings."""
        self._client = await WebRtcClient.open(0, IceCredentials("", ""), MEDIA_ADDRESS)
        reply = await self.ask("answer", call=self.call, sdp=browser_sdp(self._client, "active"))
        assert reply["type"] == "ok", reply
        await self._connect(offer)

    async def hang_up(self) -> None:
        """End the call; return when it has ended."""
        reply = await self.ask("hangup", call=self.call)
        assert reply["type"] == "ok", reply
        await self.expect("call.ended")
        await self._leave_media()

    async def _leave_media(self) -> None:
        await self._way.aclose()
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _connect(self, sdp: str) -> None:
        client = self._client
        assert client is not None
        relay = parse(sdp)
        line = relay.media[0]
        ice = IceCredentials(line.value("ice-ufrag") or "", line.value("ice-pwd") or "")
        client.meet(Address(MEDIA_ADDRESS, line.port), ice)
        await client.connect(fingerprint(relay))
        self._way.spawn(self._listen(client), "ear")
        self._way.spawn(speak(client.send_rtp, next(_numbers)), "mouth")

    async def _listen(self, client: WebRtcClient) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await client.rtp.get()
            self.ear.times.append(loop.time())

    async def aclose(self) -> None:
        """Leave the sockets."""
        await self._leave_media()
        if self._socket is not None:
            await self._socket.close()
