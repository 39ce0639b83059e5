"""The instant messages of one account (RFC 3428): those of its page going out, those of others coming in."""

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import nats.errors
import structlog

from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.ids import new_id
from shared.messages import Done, IncomingMessage, MessageSent, SendMessage
from shared.subjects import session_events
from sip_agent import metrics
from sip_agent.core.dialog.extra_headers import checked
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.events import TransactionId
from sip_agent.core.instant.message import InstantMessage, compose
from sip_agent.core.instant.sending import Answered, SendingMessage, SendNow
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.locating.next_hop import NextHop
from sip_agent.mailbox import Mailbox
from sip_agent.services import Services, command_expiry, command_id, token

_log = structlog.get_logger(__name__)

# Of one session, each way: a page or a stranger may be faster than whoever reads.
MOST_WAITING = 100


class MessengerOwner(Protocol):
    """The account."""

    session_id: str
    identity: Identity
    mailbox: Mailbox
    next_hop: NextHop

    @property
    def epoch(self) -> int:
        """Of the ownership."""


class Messenger:
    """Messages to one target go one after the other (§8): over UDP they would overtake each other."""

    __slots__ = ("_services", "_owner", "_waiting", "_sent", "_inbox", "_unread")

    def __init__(self, services: Services, owner: MessengerOwner) -> None:
        self._services = services
        self._owner = owner
        self._waiting: dict[str, deque[SendingMessage]] = {}
        self._sent: dict[TransactionId, SendingMessage] = {}
        self._inbox = Mailbox(services.tasks, f"inbox {owner.session_id}")
        self._unread = 0

    @property
    def is_busy(self) -> bool:
        """Whether a message is under way."""
        return bool(self._waiting or self._unread)

    # -- out

    async def send(self, command: SendMessage) -> None:
        """Send a message outside any dialog, in its turn; raise `RemoteError` if that is not possible."""
        identity = self._owner.identity
        if sum(len(queue) for queue in self._waiting.values()) >= MOST_WAITING:
            raise RemoteError(503, "Too Many Messages")
        request = compose(
            identity,
            identity.target(command.to),
            token(),
            token(),
            checked(command.headers),
            command.body,
            command.content_type,
        )
        message = SendingMessage(command.message_id, request, identity.digest)
        queue = self._waiting.setdefault(message.target, deque())
        queue.append(message)
        if len(queue) == 1:
            await self._do(message, message.start)

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response to a message."""
        message = self._sent.get(transaction) if response.status < 200 else self._sent.pop(transaction, None)
        if message is not None:
            self._owner.mailbox.post(lambda: self._do(message, message.receive_response, response))

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that a message got no response."""
        message = self._sent.pop(transaction, None)
        if message is not None:
            self._owner.mailbox.post(lambda: self._do(message, message.transaction_failed, status, reason))

    async def _do(self, message: SendingMessage, verb: Callable[..., None], *facts: Any) -> None:
        verb(*facts)
        while outputs := message.take_output():
            for output in outputs:
                match output:
                    case SendNow(request):
                        await self._send_now(message, request)
                    case Answered():
                        await self._answered(message, output)

    async def _send_now(self, message: SendingMessage, request: Request) -> None:
        try:
            places = await self._owner.next_hop.find()
        except RemoteError as error:
            message.transaction_failed(error.status, error.reason)
            return
        self._sent[self._services.endpoint.send_request(request, places, self)] = message

    async def _answered(self, message: SendingMessage, end: Answered) -> None:
        await self.tell(end.message_id, end.status, end.reason)
        queue = self._waiting[message.target]
        queue.popleft()
        if queue:
            await self._do(queue[0], queue[0].start)
        else:
            del self._waiting[message.target]

    async def tell(self, message_id: str, status: int, reason: str) -> None:
        """Tell the session what became of a message."""
        metrics.MESSAGES.labels("out", metrics.code_class(status)).inc()
        session_id = self._owner.session_id
        event = MessageSent(session_id=session_id, message_id=message_id, status=status, reason=reason)
        try:
            await self._services.bus.publish(session_events(session_id), event)
        except nats.errors.Error as error:
            _log.warning("message not told", session=session_id, error=repr(error))

    # -- in

    def receive(self, transaction: TransactionId, request: Request, message: InstantMessage, call_id: str = "") -> None:
        """Show a message to the session; its sender is told whether that was possible."""
        if self._unread >= MOST_WAITING:
            self._respond(transaction, request, 480, "Too Many Messages")
            return
        self._unread += 1
        until = time.monotonic() + self._services.endpoint.timers.f
        self._inbox.post(lambda: self._deliver(transaction, request, message, call_id, until))

    async def _deliver(
        self, transaction: TransactionId, request: Request, message: InstantMessage, call_id: str, until: float
    ) -> None:
        status, reason = 500, "Server Internal Error"
        try:
            if time.monotonic() < until:
                status, reason = await self._ask_session(message, call_id)
            else:  # its sender has given up (§17.1.2.2): it would be told of a failure, and send again what was shown
                status, reason = 408, "Request Timeout"
        finally:
            self._unread -= 1
            self._respond(transaction, request, status, reason)

    async def _ask_session(self, message: InstantMessage, call_id: str) -> tuple[int, str]:
        command = IncomingMessage(
            id=command_id(),
            expires_at=command_expiry(),
            epoch=self._owner.epoch,
            session_id=self._owner.session_id,
            message_id=new_id("m", os.urandom),
            sender=message.sender,
            body=message.body,
            content_type=message.content_type,
            sender_name=message.sender_name,
            call_id=call_id,
        )
        try:
            await self._services.bus.request(session_events(self._owner.session_id), command, Done)
        except NoOwner:
            return 480, "Temporarily Unavailable"
        except DeadlineExceeded:
            return 408, "Request Timeout"
        except RemoteError as error:
            return error.status, error.reason
        return 200, "OK"

    def _respond(self, transaction: TransactionId, request: Request, status: int, reason: str) -> None:
        metrics.MESSAGES.labels("in", metrics.code_class(status)).inc()
        self._services.endpoint.respond(transaction, make_response(request, status, reason, token()))
