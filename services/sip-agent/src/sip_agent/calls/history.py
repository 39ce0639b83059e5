"""What other services are told of one call while it lives, and its call detail record when it has ended.

The agent that has the call tells it: a call that changes its agent goes on with the times that its record holds.
"""

import asyncio
from typing import Any, Protocol

from shared.messages import CallTransferred, LegQuality, MediaRef, stream
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import Ended, Established, HoldChanged, News, Progressed, Unheard
from sip_agent.core.call.quality import CallQualitySummary
from sip_agent.services import Services, wall_clock


class EndedCall(Protocol):
    """A live call, or what its record says of it."""

    @property
    def media(self) -> MediaRef | None:
        """Where its media was."""

    @property
    def has_video(self) -> bool:
        """Whether there was video."""

    @property
    def ringing_at(self) -> float | None:
        """When it rang first."""

    @property
    def established_at(self) -> float | None:
        """When it was answered."""


def record_id(facts: CallFacts) -> str:
    """Return the id of a call's record, the same at any agent: a page may give one call id to two calls, in turn."""
    return f"{facts.session_id}.{facts.call_id}.{facts.created_at:.6f}"


class History:
    """`account` is the address of record; `facts` are the call's, as they are at that moment."""

    __slots__ = ("_services", "_publisher", "_account", "_quality", "_stored")

    def __init__(self, services: Services, account: str) -> None:
        self._services = services
        self._publisher = services.publisher
        self._account = account
        self._quality: CallQualitySummary | None = None
        self._stored: asyncio.Future[bool] | None = None  # of the call detail record

    def started(self, facts: CallFacts) -> None:
        """The call is new."""
        self._tell(stream.CallStarted, facts, facts.created_at)

    def rings(self, facts: CallFacts) -> None:
        """A call that comes in rings, and is found by who wants to answer it."""
        self._tell(stream.CallRinging, facts, wall_clock(), status=180, reason="Ringing")

    def told(self, facts: CallFacts, news: News) -> None:
        """The session is told news of the call; digits, and what a transfer tries, are nobody else's business."""
        now = wall_clock()
        match news:
            case Progressed("ringing" | "early", status, reason):
                self._tell(stream.CallRinging, facts, now, status=status, reason=reason)
            case Established():
                self._tell(stream.CallEstablished, facts, now)
            case HoldChanged(local, remote):
                self._tell(stream.CallHeld, facts, now, local=local, remote=remote)

    def transferred(self, facts: CallFacts, to: CallTransferred) -> None:
        """The call has another far side."""
        self._tell(stream.CallTransferred, facts, wall_clock(), peer=to.peer, peer_name=to.peer_name)

    def measured(self, legs: tuple[LegQuality, ...]) -> None:
        """The relay has reported on some seconds."""
        if self._quality is None:
            self._quality = CallQualitySummary()
        self._quality.add(legs)

    def ended(self, call: EndedCall, facts: CallFacts, end: Ended | Unheard) -> None:
        """The call is over: make its record. Without the lease it may be another agent's, and go on there."""
        if not self._publisher.is_on or self._stored is not None or not self._services.lease.held():
            return
        now, answered_at = wall_clock(), call.established_at
        record = stream.CallEnded(
            **{**self._about(facts, now), "id": record_id(facts)},
            caller_name=facts.caller_name,
            started_at=facts.created_at,
            ringing_at=call.ringing_at,
            established_at=answered_at,
            ended_at=now,
            duration=0.0 if answered_at is None else max(0.0, round(now - answered_at, 3)),
            status=end.status,
            reason=end.reason,
            by=end.by,
            agent=self._publisher.pod,
            relay="" if call.media is None else call.media.relay,
            has_video=call.has_video,
            quality=() if self._quality is None else self._quality.legs(),
        )
        self._stored = self._publisher.record(record)

    async def settle(self) -> None:
        """Wait until the record is stored, or not yet: then it is tried again while the call is forgotten."""
        if self._stored is not None:
            await self._stored

    def _tell(self, kind: type[stream.OfCall], facts: CallFacts, at: float, **fields: Any) -> None:
        if self._publisher.is_on:
            self._publisher.tell(kind(**self._about(facts, at), **fields))

    def _about(self, facts: CallFacts, at: float) -> dict[str, Any]:
        return {
            "id": self._publisher.new_id(),
            "at": at,
            "pod": self._publisher.pod,
            "session_id": facts.session_id,
            "account": self._account,
            "call_id": facts.call_id,
            "direction": facts.direction,
            "caller": facts.caller,
            "callee": facts.callee,
        }
