"""The WebSocket of one page: who may connect, frames in, frames out, and a bound for each of them.

The protocol is that of `websockets`, without I/O. It stands where uvicorn would put an ASGI application: that needs two
tasks, three queues and a dozen calls on each other's stack for a socket that does nothing, 30 KiB of it.
"""

import asyncio
import functools
import logging
from typing import Any, cast

import structlog
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from .. import metrics
from ..admission import Visit
from ..core.limits import BYTES_AT_ONCE, BYTES_PER_SECOND, FRAMES_AT_ONCE, FRAMES_PER_SECOND, TokenBucket
from ..gateway.gateway import Gateway
from ..pod import Pod

_log = structlog.get_logger(__name__)
_quiet = logging.getLogger("websockets.server")

MAX_FRAME_BYTES = 65536
_PATHS = ("/ws", "/")  # the latter for pages that name no path
_CLOSE_SECONDS = 2.0


def page_sockets(pod: Pod) -> Any:
    """Return what uvicorn makes a WebSocket of."""
    return functools.partial(PageSocket, pod)


def _protocol(state: State) -> ServerProtocol:
    # Measured: compression costs 50 KiB a socket, and SDP is all that would gain.
    return ServerProtocol(state=state, max_size=MAX_FRAME_BYTES, logger=_quiet)


class PageSocket(asyncio.Protocol):
    """Is its gateway's `Connection`."""

    __slots__ = (
        "_bytes",
        "_close_timer",
        "_fragments",
        "_frames",
        "_gateway",
        "_heard_at",
        "_is_binary",
        "_open",
        "_ping_timer",
        "_pod",
        "_protocol",
        "_transport",
        "visit",
    )

    _transport: asyncio.Transport
    visit: Visit

    def __init__(self, pod: Pod, *, server_state: Any, **_given: object) -> None:
        self._pod = pod
        self._open: set[Any] = server_state.connections
        self._protocol = _protocol(State.CONNECTING)
        self._gateway: Gateway | None = None
        self._fragments: list[bytes] = []
        self._is_binary = False
        self._ping_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        now = self._now()
        self._heard_at = now
        self._bytes = TokenBucket(BYTES_PER_SECOND, BYTES_AT_ONCE, now)
        self._frames = TokenBucket(FRAMES_PER_SECOND, FRAMES_AT_ONCE, now)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # From the network.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The request follows at once: uvicorn has read its head already."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has all of it, and is none
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The page is gone."""
        self._open.discard(self)
        self._protocol.parser.close()  # it refers to itself by this generator, and collections are rare
        for timer in (self._ping_timer, self._close_timer):
            if timer is not None:
                timer.cancel()
        if self._gateway is not None:
            self._pod.admission.leave(self.visit)
            self._pod.tasks.spawn(self._gateway.aclose(), "end of a socket")
            self._gateway = None

    def eof_received(self) -> None:
        """The page says no more: the transport closes."""

    def data_received(self, data: bytes) -> None:
        """Take what came: frames, and at first the request."""
        now = self._now()
        self._heard_at = now
        if not self._bytes.take(now, len(data)):
            self._cut_off("bytes", f"more than {BYTES_PER_SECOND} bytes a second")
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._greet(event)
            elif isinstance(event, Frame) and not self._take(event, now):
                break
        if isinstance(self._protocol.parser_exc, PayloadTooBig):
            metrics.LIMITED.labels("frame").inc()
        self._flush()
        if self.waiting > self._pod.settings.backlog_bytes and not self.is_closing:  # answers to pings
            metrics.SLOW_READERS.inc()
            self._cut_off("pongs", "too slow")

    def _cut_off(self, limit: str, reason: str) -> None:
        if not self.is_closing:
            metrics.LIMITED.labels(limit).inc()
            metrics.CLOSED.labels(int(CloseCode.POLICY_VIOLATION)).inc()
            self.close(CloseCode.POLICY_VIOLATION, reason)

    # The request.

    def _greet(self, request: Request) -> None:
        response = self._protocol.accept(request)
        if response.status_code == 101 and request.path.partition("?")[0] not in _PATHS:
            response = self._protocol.reject(404, "Not Found\n")
        elif response.status_code == 101 and not self._pod.admission.allows(request.headers.get("Origin", "")):
            metrics.REJECTED.labels("origin").inc()
            response = self._protocol.reject(403, "Pages of this origin may not connect\n")
        self._protocol.send_response(response)
        self._flush()
        if response.status_code == 101:
            self._protocol.parser.close()
            self._protocol = _protocol(State.OPEN)  # the first one keeps the request, 2 KiB, as long as it lives
            self._enter(request)

    def _enter(self, request: Request) -> None:
        peer = str((self._transport.get_extra_info("peername") or ("",))[0])
        host = self._pod.admission.host_of_client(peer, request.headers.get_all("X-Forwarded-For"))
        reason = self._pod.refusal(host)
        if reason:
            metrics.REJECTED.labels(reason).inc()
            self.close(CloseCode.TRY_AGAIN_LATER, reason)
            return
        self.visit = self._pod.admission.enter(host)
        self._gateway = Gateway(self._pod, self)
        self._schedule_ping()

    # Frames.

    def _take(self, frame: Frame, now: float) -> bool:
        """Take a frame; False if nothing more is to be taken."""
        if not self._frames.take(now):
            self._cut_off("frames", f"more than {FRAMES_PER_SECOND} frames a second")
            return False
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_binary = frame.opcode is Opcode.BINARY
                self._fragments = [bytes(frame.data)]
            case Opcode.CONT:
                self._fragments.append(bytes(frame.data))
            case _:
                return True  # a ping is answered by the protocol, a pong is a sign of life, a close ends it
        if frame.fin:
            data, self._fragments = b"".join(self._fragments), []
            self._give(data)
        return True

    def _give(self, data: bytes) -> None:
        if self._gateway is None or self.is_closing:
            return
        try:
            text = None if self._is_binary else data.decode()
        except UnicodeDecodeError:
            metrics.CLOSED.labels(int(CloseCode.INVALID_DATA)).inc()  # RFC 6455 §8.1
            self.close(CloseCode.INVALID_DATA, "text that is no UTF-8")
            return
        self._gateway.receive(text)

    # To the page.

    @property
    def waiting(self) -> int:
        """How many bytes the page has not been sent yet."""
        return self._transport.get_write_buffer_size()

    @property
    def is_closing(self) -> bool:
        """Whether the page is told nothing more."""
        return self._protocol.state is not State.OPEN or self._transport.is_closing()

    def send(self, text: str) -> bool:
        """Send a frame; False if the page does not read. After `close` it goes nowhere."""
        if self.is_closing:
            return True
        data = text.encode()
        if self.waiting + len(data) > self._pod.settings.backlog_bytes:
            return False
        self._protocol.send_text(data)
        self._flush()
        return True

    def close(self, code: int, reason: str) -> None:
        """Say goodbye after what was sent before, and wait for the page a moment, but not longer."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        self._flush()

    def abort(self) -> None:
        """Cut the transport."""
        self._transport.abort()

    def shutdown(self) -> None:
        """Uvicorn ends."""
        self.close(CloseCode.SERVICE_RESTART, "draining")

    def _flush(self) -> None:
        writes = self._protocol.data_to_send()
        if not self._transport.is_closing():
            if data := b"".join(writes):
                self._transport.write(data)
            if b"" in writes:  # the end, by the protocol
                self._transport.close()
        if self._close_timer is None and (self._transport.is_closing() or self._protocol.close_expected()):
            # Closing waits until the page has read everything; one that never reads would keep its socket for ever.
            self._close_timer = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.abort)

    # Signs of life.

    def _schedule_ping(self) -> None:
        self._ping_timer = asyncio.get_running_loop().call_later(self._pod.settings.ping_seconds, self._ping)

    def _ping(self) -> None:
        """Ask a page that has been silent; SDKs ask by themselves, and then there is no need to."""
        silent = self._now() - self._heard_at
        if silent >= 2 * self._pod.settings.ping_seconds:
            _log.info("page is silent", host=self.visit.host)
            metrics.CLOSED.labels(int(CloseCode.ABNORMAL_CLOSURE)).inc()
            self.abort()
            return
        if silent >= self._pod.settings.ping_seconds and self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()
        self._schedule_ping()
