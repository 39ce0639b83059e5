"""The bus: typed messages over NATS, with what NATS leaves to its users.

A request has a deadline and tells "nobody is there" from "no reply in time". A served command is answered once
however often it arrives, refused if it is stale, and an error in its handler becomes a `Refused` reply here and
nowhere else.
"""

import asyncio
import functools
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from . import metrics
from .clocks import Clocks
from .errors import DeadlineExceeded, LocalError, NoOwner, RemoteError
from .messages import Command, Heartbeat, Message, Refused, decode, encode
from .requests import Requests
from .settings import CommonSettings
from .tasks import Tasks, cancellable
from .transport import BoundedTransport

_log = structlog.get_logger(__name__)

DEADLINE = 2.0
_REMEMBERED_REPLIES = 4096
_NOT_LET_IN = "Authorization Violation"  # NATS's words

# A metric's child is looked up under a lock, by labels made anew: kept, it costs a tenth.
_requests = functools.cache(metrics.BUS_REQUESTS.labels)
_handled = functools.cache(metrics.BUS_HANDLED.labels)

R = TypeVar("R", bound=Message)
Handler = Callable[[Message], Awaitable[Message | None]]


class Bus:
    """One pod's connection. `connected` is False while NATS is away; requests then fail, media does not."""

    def __init__(self, settings: CommonSettings) -> None:
        self._settings = settings
        self._client = Client()
        self._client._transport = BoundedTransport()
        self._error = ""  # why there is, or was, no connection
        self._said: set[str] = set()  # errors since there was one
        self.requests = Requests(self._client)
        self._tasks = Tasks("bus")
        self._clocks = Clocks()
        self._replies: OrderedDict[str, asyncio.Future[bytes]] = OrderedDict()

    @classmethod
    async def connect(cls, settings: CommonSettings) -> "Bus":
        """Return a bus that is open."""
        bus = cls(settings)
        await bus.open()
        return bus

    async def open(self) -> None:
        """Connect, waiting for NATS as long as it takes; raise `LocalError` where a setting is wrong."""
        settings = self._settings
        # Measured: with the client's own defaults a dead link is noticed after four minutes (ping 120 s x 2).
        connecting = self._client.connect(
            settings.nats_url.split(","),
            name=settings.pod,
            user=settings.nats_user or None,
            password=settings.nats_password or None,
            tls=_tls(settings),
            # A user may hear its own replies and nobody else's (deploy/nats/nats.conf).
            inbox_prefix=f"_INBOX_{settings.nats_user}" if settings.nats_user else "_INBOX",
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # a fraction works
            connect_timeout=1,
            ping_interval=1,
            max_outstanding_pings=2,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
        )
        await cancellable(connecting, "bus", "connect")
        metrics.NATS_CONNECTED.set(1)
        await self.requests.open()

    async def _on_error(self, error: Exception) -> None:
        # While NATS is away, or lets us not in, every attempt fails, ten a second: each reason is said once.
        said = repr(error)
        (_log.warning if self.connected or said not in self._said else _log.debug)("nats", error=said)
        self._said.add(said)
        # NATS closes on those whom it does not let in: whether its word or the end comes first is chance.
        if not (isinstance(error, ConnectionResetError) and _NOT_LET_IN in self._error):
            self._error = said

    async def _on_disconnected(self) -> None:
        metrics.NATS_CONNECTED.set(0)
        self._clocks.clear()
        metrics.CLOCK_DIFFERENCE.set(0)
        if not (self._client.is_draining or self._client.is_closed):
            _log.warning("nats disconnected")

    async def _on_reconnected(self) -> None:
        metrics.NATS_CONNECTED.set(1)
        metrics.NATS_RECONNECTS.inc()
        self._said.clear()
        _log.info("nats reconnected")

    @property
    def connected(self) -> bool:
        """Whether NATS is there now."""
        return self._client.is_connected

    def not_ready(self) -> str:
        """Why nothing can be asked, for who looks after the pod; "" while NATS is there."""
        if self.connected:
            return ""
        if _NOT_LET_IN in self._error:
            return "no bus: NATS refuses CORDBOARD_NATS_USER or CORDBOARD_NATS_PASSWORD"
        return f"no bus: {self._error}" if self._error else "no bus"

    @property
    def reconnects(self) -> int:
        """How often the connection was lost and found: events may have been missed each time."""
        return self._client.stats["reconnects"]

    def jetstream(self) -> JetStreamContext:
        """The JetStream context, for `shared.store` and `shared.streams`."""
        return self._client.jetstream(timeout=DEADLINE)

    async def publish(self, subject: str, message: Message) -> None:
        """Send an event; nobody may be listening. While NATS is away, 2 MB are kept, then `DeadlineExceeded`."""
        try:
            await self._client.publish(subject, encode(message))
        except nats.errors.Error as error:
            raise DeadlineExceeded(subject) from error

    async def request(self, subject: str, command: Command, reply: type[R], deadline: float = DEADLINE) -> R:
        """Send a command and return its reply.

        It is sent again at half of the deadline: a server of NATS that dies takes what it has with it, the command or
        its reply, and who has heard it already replies as before.
        Raise `NoOwner`, `DeadlineExceeded`, or `RemoteError` with the status of a `Refused`.
        """
        started = time.monotonic()
        result = "error"
        try:
            answer = decode((await self._ask(subject, encode(command), deadline)).data)
            result = "refused" if isinstance(answer, Refused) else "ok"
        except nats.errors.NoRespondersError as error:
            result = "no_owner"
            raise NoOwner(subject) from error
        except nats.errors.TimeoutError as error:
            result = "timeout"
            raise DeadlineExceeded(subject) from error
        except nats.errors.Error as error:
            raise DeadlineExceeded(subject) from error
        finally:
            _requests(type(command).__name__, result).observe(time.monotonic() - started)
        if isinstance(answer, Refused):
            raise RemoteError(answer.status, answer.reason)
        if not isinstance(answer, reply):
            raise LocalError(f"{type(command).__name__} was answered with {type(answer).__name__}")
        return answer

    async def _ask(self, subject: str, payload: bytes, deadline: float) -> Msg:
        try:
            return await self.requests.ask(subject, payload, deadline / 2)
        except nats.errors.TimeoutError as unanswered:
            try:
                return await self.requests.ask(subject, payload, deadline / 2)
            except nats.errors.NoRespondersError:
                raise unanswered from None  # who has heard the first one may have done it before he died

    async def serve(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        """Give every message of a subject to `handler`.

        Commands run side by side, each in a task of its own: a handler that needs an order keeps it itself.
        Events run one after the other, in the order of their sender.
        """

        async def on_message(msg: Msg) -> None:
            try:
                message = decode(msg.data)
            except RemoteError as error:
                _handled("unknown", "malformed").inc()
                _log.warning("bad message", subject=msg.subject, error=str(error))
                if msg.reply:
                    await msg.respond(encode(Refused(status=error.status, reason=error.reason)))
                return
            if isinstance(message, Command):
                self._tasks.spawn(self._answer(msg, message, handler), type(message).__name__)
                return
            if isinstance(message, Heartbeat) and isinstance(message.at, float):
                self._compare_clocks(message.pod, message.at)
            await self._outcome(message, handler)

        return await self._client.subscribe(subject, queue=queue, cb=on_message)

    def _compare_clocks(self, pod: str, told: float) -> None:
        now = time.monotonic()
        ahead = self._clocks.hear(pod, told, time.time(), now)
        if ahead is not None:
            _log.warning("clocks differ: commands will be refused as stale", pod=pod, is_ahead_by=round(ahead, 3))
        metrics.CLOCK_DIFFERENCE.set(self._clocks.largest(now))

    async def settle(self) -> None:
        """Return once the server knows every subscription made so far: before, a sender would hear "no responders"."""
        # Not by `flush` of nats-py 2.16: its PING overtakes what is still to be written, the subscriptions. The server
        # takes a request in the order of the connection; that nobody answers it is the word that it has come so far.
        try:
            await self.requests.ask(self._client.new_inbox(), b"", DEADLINE)
        except nats.errors.NoRespondersError:
            return
        except nats.errors.Error as error:
            raise DeadlineExceeded("settle") from error

    async def _answer(self, msg: Msg, command: Command, handler: Handler) -> None:
        known = self._replies.get(command.id)
        if known is None:
            late = time.time() - command.expires_at
            stale = _handled(type(command).__name__, "stale")  # also where it is not: counted from 0 on
            if late > 0:
                stale.inc()
                _log.warning("stale command", type=type(command).__name__, late=round(late, 3))
                return
            known = self._replies[command.id] = asyncio.get_running_loop().create_future()
            if len(self._replies) > _REMEMBERED_REPLIES:
                self._replies.popitem(last=False)
            known.set_result(encode(await self._outcome(command, handler)))
        await self._client.publish(msg.reply, known.result() if known.done() else await asyncio.shield(known))

    async def _outcome(self, message: Message, handler: Handler) -> Message:
        kind = type(message).__name__
        try:
            reply = await handler(message)
        except RemoteError as error:
            _handled(kind, "refused").inc()
            _log.info("refused", type=kind, status=error.status, reason=error.reason)
            return Refused(status=error.status, reason=error.reason)
        except Exception:  # the task boundary: our fault, told to the requester as such
            _handled(kind, "failed").inc()
            _log.exception("handler failed", type=kind)
            return Refused(status=500, reason="Server Internal Error")
        _handled(kind, "ok").inc()
        return reply if reply is not None else Refused(status=501, reason=f"{kind} Not Implemented")

    async def aclose(self) -> None:
        """Answer the commands that are here, leave."""
        await self._tasks.join(DEADLINE)
        try:
            if self._client.is_connected:
                await self._client.drain()
            else:
                await self._client.close()
        except (nats.errors.Error, OSError, RuntimeError) as error:
            # The connection broke meanwhile; the client then still writes to it (RuntimeError: uvloop's word for that).
            _log.warning("nats left without a farewell", error=repr(error))
        await self._tasks.aclose()
        metrics.NATS_CONNECTED.set(0)


def _tls(settings: CommonSettings) -> ssl.SSLContext | None:
    """Return how to believe the server, None where it need not show anything; raise `LocalError`."""
    if not settings.nats_ca:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.nats_ca)
        if settings.nats_certificate:
            context.load_cert_chain(settings.nats_certificate, settings.nats_key or None)
    except OSError as error:  # ssl.SSLError is one
        raise LocalError(f"CORDBOARD_NATS_CA, _CERTIFICATE or _KEY: {error}") from error
    return context


def expiry(deadline: float = DEADLINE) -> float:
    """Return the `expires_at` of a command sent now."""
    return time.time() + deadline
