"""A page's end of a WebSocket, as lean as can be: thousands of them share a core with all that is not measured."""

import asyncio
import json
from typing import Any

_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
_TEXT, _CLOSE, _PING = 1, 8, 9
_FIN, _MASKED, _NO_MASK = 0x80, 0x80, b"\0\0\0\0"


class Page(asyncio.Protocol):
    """Requests and their replies. Events are read and forgotten. `host` is whom a load balancer would name."""

    def __init__(self, host: str = "") -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self._host = host
        self._received = bytearray()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport: Any = transport
        forwarded_for = f"X-Forwarded-For: {self._host}\r\n" if self._host else ""
        self._transport.write(_HANDSHAKE + forwarded_for.encode() + b"\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody answers any more."""
        self.closed.set()
        for waiting in (self.opened, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionError("the pod has closed the socket"))

    def data_received(self, data: bytes) -> None:
        """Take the answer, then frames."""
        self._received += data
        if not self.opened.done():
            head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(head.decode()))
                return
            self.opened.set_result(None)
            self._received = bytearray(rest)
        while self._take_frame():
            pass

    def _take_frame(self) -> bool:
        if len(self._received) < 2:
            return False
        start, size = 2, self._received[1]
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(self._received[2:start], "big")
        if len(self._received) < start + size:
            return False
        opcode, payload = self._received[0] & 0xF, bytes(self._received[start : start + size])
        del self._received[: start + size]
        if opcode == _TEXT:
            frame = json.loads(payload)
            waiting = self._waiting.pop(frame.get("re", ""), None)
            if waiting is not None:
                waiting.set_result(frame)
        elif opcode == _PING:
            self._send(_PING + 1, payload)
        elif opcode == _CLOSE:
            self._transport.close()
        return True

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes((_FIN | opcode, _MASKED | size)) if size < 126 else bytes((_FIN | opcode, _MASKED | 126))
        self._transport.write(head + (size.to_bytes(2, "big") if size >= 126 else b"") + _NO_MASK + payload)

    def cut(self) -> None:
        """Close the socket."""
        self._transport.close()

    async def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """Send a request; return its reply, which must be ok."""
        self._asked += 1
        number = str(self._asked)
        if self.closed.is_set():
            raise ConnectionError("the pod has closed the socket")
        self._waiting[number] = reply = asyncio.get_running_loop().create_future()
        self._send(_TEXT, json.dumps({"type": type, "id": number, **fields}).encode())
        answer = await reply
        if answer["type"] != "ok":
            raise RuntimeError(f"{type}: {answer}")
        return answer
