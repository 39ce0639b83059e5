"""Where a call's media session is, and how it moves to another relay: because its own is gone, or drains.

    ANCHORED ─ BUILDING ─────────────┬─ MOVING ─ ANCHORED      gone: what is there is used at once
        ├───── PREPARING ─ PREPARED ─┘                         drains: the old one forwards until the browser is over
        └───── STRANDED ─ BUILDING                             gone while it rings: an answer is waited for

A call without a browser waits for the far side alone: PREPARING ─ MOVING.

`docs/bus.md` has the walk. Times come in as `now`; what is to be done comes out by `take_output`.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from shared.messages.media import MediaRef
from sip_agent.core.earliest import earliest
from sip_agent.core.table import Label, Rows, TableMachine

RETRY_EVERY = 0.25  # until a relay takes the session
TELL_EVERY = 0.5  # until the page's pod has taken the offer
# The far side may move as well. Its re-INVITE is waited for by the one that does not own the Call-ID: two that cross
# would be put off by up to four seconds (RFC 3261 §14.1).
LET_PASS = 0.3
PREPARED_FOR = 10.0  # seconds that a browser has to come, while the old relay goes on

GONE = "Media Relay Is Gone"

# How far the call is: it rings there, it rings here, or it is answered.
Phase = Literal["calling", "called", "through"]


class State(Label):
    """Where the media is."""

    ANCHORED = "at a relay"
    STRANDED = "its relay is gone, and nothing can be built before the far side answers"
    BUILDING = "its relay is gone, another one is asked"
    PREPARING = "its relay drains, another one is asked"
    PREPARED = "the other one waits for the browser, the old one forwards"
    MOVING = "at the new relay, which browser or far side are still to come to"


class Input(Label):
    """What may happen to it."""

    GONE = "its relay is gone"
    NEXT_GONE = "the relay that it is to move to is gone"
    DRAINS = "its relay drains"
    ANSWERED = "the far side has answered"
    BUILT = "another relay has a session"
    NOT_BUILT = "none takes it"
    RETRY = "time to ask again"
    BROWSER = "the browser is connected to the new one"
    FAR_SIDE = "the far side knows the new one"
    UNABLE = "the page knows no other connection than its first"
    REFUSED = "the far side does not take the new one"
    LATE = "somebody has not come in time"


class Build(msgspec.Struct, frozen=True):
    """Ask a relay for the session: `built` or `not_built` is to follow."""


class Save(msgspec.Struct, frozen=True):
    """Write the record: `current` and `is_moving` are others."""


class TellBrowser(msgspec.Struct, frozen=True):
    """Offer the page the new connection: `told` or `not_told` is to follow."""

    offer: str


class TellFarSide(msgspec.Struct, frozen=True):
    """Let a re-INVITE say where the media is now."""


class Release(msgspec.Struct, frozen=True):
    """Free a session that is not used any more."""

    media: MediaRef


class GiveUp(msgspec.Struct, frozen=True):
    """End the call: its media cannot be brought back."""

    reason: str


AnchorOutput = Build | Save | TellBrowser | TellFarSide | Release | GiveUp


class Anchor:
    """`owns_call_id`: whether the dialog was ours to make. `grace`: seconds until a call without media ends.

    `is_headless`: there is no browser to follow.
    """

    def __init__(
        self,
        owns_call_id: Callable[[], bool | None],
        grace: float,
        media: MediaRef | None,
        is_headless: bool = False,
    ) -> None:
        self.current = media  # None: before there is any
        self.next: MediaRef | None = None  # expects the browser, while `current` forwards
        self.offer = ""  # that the page has not come by yet
        self._former: MediaRef | None = None  # to be released when all have left it
        self._owns_call_id = owns_call_id
        self._grace = grace
        self._is_headless = is_headless
        self._machine = TableMachine(TABLE, State.ANCHORED)
        self._phase: Phase = "through"
        self._is_bound = False  # the page cannot come to another relay
        self._has_browser = self._has_far_side = False
        self._deadlines: dict[Input, float] = {}
        self._tell_far_side_at: float | None = None
        self._tell_again_at: float | None = None
        self._out: list[AnchorOutput] = []

    @property
    def state(self) -> State:
        """Where the media is."""
        return self._machine.state

    @property
    def is_moving(self) -> bool:
        """Whether another owner of the call would have to begin the move anew."""
        return self.state is State.MOVING

    @property
    def is_at_rest(self) -> bool:
        """Whether the call has one session, which its record names: another owner would not know of a second one."""
        return self.state is State.ANCHORED

    @property
    def is_lost(self) -> bool:
        """Whether there is no session, and perhaps never will be one again."""
        return self.state in (State.STRANDED, State.BUILDING)

    @property
    def has_far_side(self) -> bool:
        """Whether the far side is where `current` is, so that it can be played to."""
        return self.state in (State.ANCHORED, State.PREPARING, State.PREPARED)

    @property
    def may_leave(self) -> bool:
        """Whether the session can move while its relay drains."""
        return self.state is State.ANCHORED and not self._is_bound and self.current is not None

    @property
    def for_browser(self) -> MediaRef | None:
        """The session that a browser which comes anew is to come to."""
        return self.next or self.current

    @property
    def in_use(self) -> list[MediaRef]:
        """The sessions that media comes by, or is to come by."""
        return [media for media in (self.current, self.next) if media is not None]

    @property
    def sessions(self) -> list[MediaRef]:
        """All that are the call's, to be released at its end."""
        return self.in_use if self._former is None else [*self.in_use, self._former]

    def take_output(self) -> list[AnchorOutput]:
        """Return what is to be done and forget it."""
        taken, self._out = self._out, []
        return taken

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return earliest(*self._deadlines.values(), self._tell_far_side_at, self._tell_again_at)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        for given in [given for given, at in self._deadlines.items() if at <= now]:
            if self._deadlines.pop(given, None) is not None:  # an action may end the wait for others
                self._step(given, now)
        if self._tell_far_side_at is not None and self._tell_far_side_at <= now:
            self._tell_far_side_at = None
            self._out.append(TellFarSide())
        if self._tell_again_at is not None and self._tell_again_at <= now:
            self._tell_again_at = None
            self._out.append(TellBrowser(self.offer))

    # -- what happens

    def gone(self, media: MediaRef, phase: Phase, now: float) -> None:
        """A session is gone with its relay, or for good."""
        if media == self.next:
            self._step(Input.NEXT_GONE, now)
        elif media == self.current:
            self._phase = phase
            self._step(Input.GONE, now)

    def drains(self, now: float) -> None:
        """The relay wants the session to leave; only where `may_leave`."""
        self._step(Input.DRAINS, now)

    def answered(self, now: float) -> None:
        """The far side has answered: from now on there is something to build from."""
        self._phase = "through"
        self._step(Input.ANSWERED, now)

    def built(self, media: MediaRef, offer: str, now: float) -> None:
        """Another relay has a session, and an offer for the browser."""
        if not self._step(Input.BUILT, media, offer, now):
            self._out.append(Release(media))

    def not_built(self, now: float) -> None:
        """No relay has taken it."""
        self._step(Input.NOT_BUILT, now)

    def told(self, now: float) -> None:
        """The page's pod has taken the offer. That of a call which rings is answered with the call."""
        if self.state is State.ANCHORED:
            self.offer = ""

    def not_told(self, now: float) -> None:
        """The page's pod could not be asked, or there is none now."""
        if self.offer:
            self._tell_again_at = now + TELL_EVERY

    def unable(self, now: float) -> None:
        """The page's pod says that the page can do no such thing."""
        self._is_bound = True
        self._step(Input.UNABLE, now)

    def connected(self, media_id: str, now: float) -> None:
        """A relay says that the browser is there."""
        awaited = self.next or self.current
        if awaited is not None and awaited.media_id == media_id:
            self._step(Input.BROWSER, now)

    def far_side_told(self, media: MediaRef, now: float) -> None:
        """An exchange of offer and answer with the far side was this session's."""
        if media == self.current:
            self._step(Input.FAR_SIDE, now)

    def refused(self, now: float) -> None:
        """The far side has refused our re-INVITE."""
        self._step(Input.REFUSED, now)

    def _step(self, given: Input, *facts: Any) -> bool:
        return self._machine.step(self, given, *facts)

    # -- actions

    def _lose(self, now: float) -> State | None:
        self._stop_telling()
        if self._grace <= 0:
            self._give_up(now)
            return State.BUILDING
        if self._phase == "calling":
            return State.STRANDED
        self._deadlines[Input.LATE] = now + self._grace
        return self._build(now)

    def _found(self, now: float) -> State:
        self._deadlines[Input.LATE] = now + self._grace
        return self._build(now)

    def _build(self, now: float) -> State:
        self._out.append(Build())
        return State.BUILDING

    def _wait(self, now: float) -> None:
        self._deadlines[Input.RETRY] = now + RETRY_EVERY

    def _use(self, media: MediaRef, offer: str, now: float) -> State | None:
        """Nothing is lost by leaving the old one at once."""
        self._leave_for(media)
        self.offer = offer
        if self._phase != "through":  # the page has not answered the old offer, so it may have this one
            self._deadlines.clear()
            self._offer_browser()
            self._release_former()
            return State.ANCHORED
        self._has_browser = self._is_headless
        self._offer_browser()
        self._tell_far_side(now)
        return None

    def _offer_browser(self) -> None:
        self._out.append(Save())
        if not self._is_headless:
            self._out.append(TellBrowser(self.offer))

    def _prepare(self, now: float) -> None:
        self._out.append(Build())

    def _lose_preparing(self, now: float) -> None:
        self._deadlines[Input.LATE] = now + self._grace

    def _expect(self, media: MediaRef, offer: str, now: float) -> State | None:
        self.next, self.offer = media, offer
        if self._is_headless:
            self._move(now)
            return State.MOVING
        self._deadlines[Input.LATE] = now + PREPARED_FOR
        self._out.append(TellBrowser(offer))
        return None

    def _stay(self, now: float) -> None:
        """The browser does not come: the old one goes on."""
        self._stop_telling()
        self._deadlines.clear()
        if self.next is not None:
            self._out.append(Release(self.next))
            self.next = None

    def _move(self, now: float) -> None:
        """The browser is there: the far side is to follow."""
        self._switch(now)
        self._has_browser, self.offer = True, ""

    def _move_alone(self, now: float) -> None:
        """The old one is gone before the browser was there."""
        self._switch(now)
        self._has_browser = False

    def _switch(self, now: float) -> None:
        media, self.next = self.next, None
        assert media is not None
        self._leave_for(media)
        self._deadlines[Input.LATE] = now + (self._grace or PREPARED_FOR)
        self._out.append(Save())
        self._tell_far_side(now)

    def _leave_for(self, media: MediaRef) -> None:
        self._release_former()
        self._former, self.current = self.current, media

    def _tell_far_side(self, now: float) -> None:
        self._has_far_side = False
        self._tell_far_side_at = now if self._owns_call_id() else now + LET_PASS

    def _browser_came(self, now: float) -> State | None:
        self.offer, self._tell_again_at = "", None
        self._has_browser = True
        return self._arrived()

    def _far_side_came(self, now: float) -> State | None:
        self._tell_far_side_at = None
        self._has_far_side = True
        return self._arrived()

    def _arrived(self) -> State | None:
        if not (self._has_browser and self._has_far_side):
            return None
        self._deadlines.clear()
        self._out.append(Save())
        self._release_former()
        return State.ANCHORED

    def _release_former(self) -> None:
        if self._former is not None:
            self._out.append(Release(self._former))
            self._former = None

    def _stop_telling(self) -> None:
        self.offer = ""
        self._tell_far_side_at = self._tell_again_at = None

    def _give_up(self, now: float) -> None:
        self._deadlines.clear()
        self._stop_telling()
        self._out.append(GiveUp(GONE))


TABLE: Rows[State, Input] = {
    (State.ANCHORED, Input.GONE): (Anchor._lose, State.BUILDING),
    (State.ANCHORED, Input.DRAINS): (Anchor._prepare, State.PREPARING),
    (State.ANCHORED, Input.UNABLE): (Anchor._give_up, State.ANCHORED),  # it rings, for an offer of no relay
    (State.STRANDED, Input.ANSWERED): (Anchor._found, State.BUILDING),
    (State.BUILDING, Input.BUILT): (Anchor._use, State.MOVING),
    (State.BUILDING, Input.NOT_BUILT): (Anchor._wait, State.BUILDING),
    (State.BUILDING, Input.RETRY): (Anchor._build, State.BUILDING),
    (State.BUILDING, Input.LATE): (Anchor._give_up, State.BUILDING),
    (State.PREPARING, Input.BUILT): (Anchor._expect, State.PREPARED),
    (State.PREPARING, Input.NOT_BUILT): (Anchor._stay, State.ANCHORED),
    (State.PREPARING, Input.GONE): (Anchor._lose_preparing, State.BUILDING),
    (State.PREPARED, Input.BROWSER): (Anchor._move, State.MOVING),
    (State.PREPARED, Input.GONE): (Anchor._move_alone, State.MOVING),
    (State.PREPARED, Input.NEXT_GONE): (Anchor._stay, State.ANCHORED),
    (State.PREPARED, Input.UNABLE): (Anchor._stay, State.ANCHORED),
    (State.PREPARED, Input.LATE): (Anchor._stay, State.ANCHORED),
    (State.MOVING, Input.BROWSER): (Anchor._browser_came, State.MOVING),
    (State.MOVING, Input.FAR_SIDE): (Anchor._far_side_came, State.MOVING),
    (State.MOVING, Input.GONE): (Anchor._lose, State.BUILDING),
    (State.MOVING, Input.UNABLE): (Anchor._give_up, State.MOVING),
    (State.MOVING, Input.REFUSED): (Anchor._give_up, State.MOVING),
    (State.MOVING, Input.LATE): (Anchor._give_up, State.MOVING),
}
