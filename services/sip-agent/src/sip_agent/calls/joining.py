"""Two calls of a session, without a browser, that are each other's far side: third party call control (RFC 3725).

The first party is called; once it has answered, the second. Their media goes from the one to the other by the relay, in
the codec that the first party sends. The end of either is the end of both, and one relay has both.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import MediaAllocated, MediaRef, Sound
from shared.messages.account import CallState
from sip_agent.calls.rebuilding import Meeting
from sip_agent.calls.relay_client import allocate_joined, release
from sip_agent.calls.sounds import CallSounds, SoundedCall, SoundedMedia
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import Ended

_JOINED = (200, "Joined Call Ended")
RINGBACK = Sound(name="ringback", is_looped=True)


class JoinedMedia(SoundedMedia, Protocol):
    """As much of a call's media as that of the other one needs."""

    @property
    def is_free(self) -> bool:
        """Whether it is one far side's alone."""

    def incarnation_of(self, media: MediaRef) -> str:
        """Which start of its relay made a session, "" if that is not known."""

    def gone(self, media: MediaRef) -> None:
        """A session is gone with its relay."""

    def leave(self) -> None:
        """Move to another relay, while this one forwards."""


class JoinedCall(SoundedCall, Protocol):
    """As much of a live call as the other one needs."""

    facts: CallFacts
    sounds: CallSounds
    joined_call_id: str
    partner: "Partner | None"

    @property
    def media_side(self) -> JoinedMedia:
        """Where its media is."""

    @property
    def told_state(self) -> CallState:
        """Where it stands."""


class Partner(Protocol):
    """Whom a call tells what becomes of it, for the sake of the other one."""

    meeting: Meeting

    @property
    def is_settled(self) -> bool:
        """Whether both are there, and answered."""

    def established(self, call: JoinedCall) -> None:
        """It is answered."""

    def moved(self, call_id: str) -> None:
        """Its media is at another relay now."""

    def ended(self, call: JoinedCall, end: Ended) -> None:
        """It has ended."""

    def other(self, call_id: str) -> JoinedCall | None:
        """Return the other one, once that is answered."""


Invite = Callable[[MediaAllocated], Awaitable[None]]
"""Makes the second call with this media, in the turn of the account; raises `RemoteError`."""


class Joining:
    """Two calls, the second of which may not be there yet."""

    def __init__(self, bus: Bus, first: JoinedCall, second_call_id: str) -> None:
        self._bus = bus
        self._first = first
        self._second: JoinedCall | None = None
        self._second_call_id = second_call_id
        self.meeting = Meeting()
        self._tie(first, second_call_id)

    @property
    def is_settled(self) -> bool:
        """Whether both calls are there, and answered."""
        calls = (self._first, self._second)
        return all(call is not None and call.told_state == "established" for call in calls)

    def established(self, call: JoinedCall) -> None:
        """A call is answered."""
        if call is self._second:
            self._first.asides.post(self._hear_second)

    def moved(self, call_id: str) -> None:
        """The media of a call is at another relay now."""

    def other(self, call_id: str) -> JoinedCall | None:
        """Return the other call, once that is answered."""
        other = self._second if call_id == self._first.call_id else self._first
        return other if other is not None and other.told_state == "established" else None

    def ended(self, call: JoinedCall, end: Ended) -> None:
        """A call has ended: so does the other, with what is true of it."""
        call.partner = None  # what has ended is freed at once (see `back`)
        other = self._second if call is self._first else self._first
        if other is None:
            return
        if call is self._first:
            is_joined = other.told_state == "established"
            other.fail(*_JOINED if is_joined else (487, "Request Terminated"))
        else:
            other.fail(*_JOINED if end.was_established else (end.status, end.reason))

    def add(self, second: JoinedCall) -> None:
        """The second call is there; before anything happens to it."""
        self._second = second
        self._tie(second, self._first.call_id)

    def _tie(self, call: JoinedCall, to: str) -> None:
        call.partner, call.joined_call_id = self, to

    async def _hear_second(self) -> None:
        """In an aside of the first call: end what it has heard meanwhile."""
        if self._first.media is None:
            return
        try:
            await self._first.sounds.stop_aside()
        except RemoteError as error:
            self._first.fail(error.status, error.reason)


class SecondPartyCall(Joining):
    """Calls the second party once the first has answered; `meanwhile` is what the first hears until both have."""

    def __init__(
        self, bus: Bus, agent: str, first: JoinedCall, second_call_id: str, meanwhile: Sound, invite: Invite
    ) -> None:
        super().__init__(bus, first, second_call_id)
        self._agent = agent
        self._meanwhile = meanwhile
        self._invite = invite
        self._waits_for_relay = False

    def established(self, call: JoinedCall) -> None:
        """A call is answered."""
        if call is self._first:
            call.asides.post(self._call_second)
        super().established(call)

    def moved(self, call_id: str) -> None:
        """The media of a call is at another relay now."""
        if self._waits_for_relay and call_id == self._first.call_id:
            self._first.asides.post(self._call_second)

    async def _call_second(self) -> None:
        """In an aside of the first call, whose relay is to have both."""
        first = self._first
        self._waits_for_relay = not first.media_side.anchor.has_far_side
        if self._waits_for_relay:
            return
        try:
            await first.sounds.play_aside(self._meanwhile)
            allocated = await self._allocate()
        except RemoteError as error:
            first.fail(error.status, error.reason)
            return
        try:
            await self._invite(allocated)
        except RemoteError as error:
            await release(self._bus, allocated.media, first.epoch)
            first.fail(error.status, error.reason)

    async def _allocate(self) -> MediaAllocated:
        first = self._first
        if first.media is None:
            raise RemoteError(481, "Call Has No Media")
        return await allocate_joined(self._bus, first.media, first.epoch, self._second_call_id, self._agent)


def rejoin(bus: Bus, calls: Iterable[JoinedCall]) -> None:
    """Tie the calls of a session that another agent had joined; one whose other is gone ends."""
    by_id = {call.call_id: call for call in calls}
    for call in by_id.values():
        if not call.joined_call_id or call.partner is not None:
            continue
        other = by_id.get(call.joined_call_id)
        if other is None:
            # The second party was never called, and nobody knows who that was; or it has hung up meanwhile.
            call.fail(503, "Joined Call Is Gone")
        else:
            first, second = sorted((call, other), key=lambda each: each.facts.created_at)
            Joining(bus, first, second.call_id).add(second)
