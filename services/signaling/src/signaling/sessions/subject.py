"""A socket's place on the subject of its session: who listens there holds the session."""

import nats.errors
import structlog
from nats.aio.subscription import Subscription

from shared.bus import Bus, Handler
from shared.errors import RemoteError
from shared.messages import SessionEnded
from shared.subjects import session_events

_log = structlog.get_logger(__name__)


class SessionSubject:
    """A `handler` hears the agent's questions and events as long as it listens; else nothing here holds it."""

    __slots__ = ("_bus", "_subscription")

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None

    async def listen(self, session_id: str, handler: Handler) -> None:
        """Listen for a new session."""
        self._subscription = await self._bus.serve(session_events(session_id), handler)

    async def take(self, session_id: str, handler: Handler) -> None:
        """Send the older socket away, then listen in its place."""
        ended = SessionEnded(session_id=session_id, reason="replaced")
        try:
            await self._bus.publish(session_events(session_id), ended)
            await self.listen(session_id, handler)
        except nats.errors.Error as error:
            raise RemoteError(503, "Service Unavailable") from error

    async def leave(self) -> None:
        """Listen no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        try:
            await subscription.unsubscribe()
        except nats.errors.Error as error:  # the connection went first, and the subscription with it
            _log.info("not unsubscribed", error=repr(error))
