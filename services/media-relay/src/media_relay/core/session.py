"""A media session: what may be said to it when, and until when it lives without being told anything.

               answer (provisional)           answer (final)
    ALLOCATED ──────────────────────▶ EARLY ─────────────────▶ ANSWERED ◀─┐ offer of the SIP side,
        │                             ▲   │ answer             ▲  ▲ │  └──┘ answer (final)
        │                             └───┘ (provisional)      │  │ │
        └────────────── answer (final) ────────────────────────┘  │ │ request of an offer of ours
                                                                  │ ▼
    DELAYED ──────────▶ OFFERED ──────────────────────────────────┤ OFFERING ◀─┐ request
            browser's           SIP side's answer                 │    │  └────┘
            answer                                                └────┘ answer, offer of the SIP side

In the last two states the browser may come anew (`renew`, `renewed`), which changes nothing of the above. A session
that is rebuilt after another relay's begins as ANSWERED, and expects its browser, if it has one.
An early session takes no new offer, for nothing has been accepted that it could change (RFC 3264 §4). A released
session is no longer there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from shared.errors import RemoteError
from shared.messages.media import Direction as DirectionName
from shared.messages.media import Side

from .description.codecs import Codec, Direction
from .description.headless import HeadlessOffers
from .description.negotiation import Negotiation, Outcome
from .description.rebuilt import Rebuilt
from .description.rebuilt_headless import RebuiltHeadless
from .description.sdes import FarSideKeys, OwnSrtp
from .description.webrtc import BrowserTransport
from .keyframes import KeyframeWishes
from .plan import StreamPlan


class State(Enum):
    """How far the exchange of offer and answer has come."""

    ALLOCATED = "Allocated"
    EARLY = "Early"
    DELAYED = "Delayed"  # our offer is with the browser, because the SIP side made none
    OFFERED = "Offered"  # and now with the SIP side
    ANSWERED = "Answered"
    OFFERING = "Offering"  # a later offer of ours is with the SIP side


class Input(Enum):
    """What a command is to a session."""

    PROVISIONAL_ANSWER = "Provisional Answer"
    FINAL_ANSWER = "Final Answer"
    OFFER = "Offer"
    REQUEST = "Request Of An Offer"


class _Given(NamedTuple):
    """What comes with a command."""

    text: str  # a description, or a direction
    srtp: Sequence[OwnSrtp]  # our ends towards the far side that it is of


def _early(negotiation: Negotiation, given: _Given) -> Outcome:
    return negotiation.answer(given.text, provisional=True)


def _final(negotiation: Negotiation, given: _Given) -> Outcome:
    return negotiation.answer(given.text, provisional=False)


def _later(negotiation: Negotiation, given: _Given) -> Outcome:
    return negotiation.later.answer(given.text)


def _again(negotiation: Negotiation, given: _Given) -> Outcome:
    return _later(negotiation, given) if negotiation.later.has_offered else _final(negotiation, given)


def _reoffer(negotiation: Negotiation, given: _Given) -> Outcome:
    return negotiation.later.reoffer(given.text, given.srtp)


def _first_offer(negotiation: Negotiation, given: _Given) -> Outcome:
    if not isinstance(negotiation, HeadlessOffers):
        raise RemoteError(491, f"{Input.OFFER.value} While {State.ALLOCATED.value}")
    return negotiation.first_offer(given.text, given.srtp)


def _request(negotiation: Negotiation, given: _Given) -> Outcome:
    return negotiation.later.offer(Direction[given.text.upper()], given.srtp)


_TRANSITIONS: dict[tuple[State, Input], tuple[Callable[[Negotiation, _Given], Outcome], State]] = {
    (State.ALLOCATED, Input.PROVISIONAL_ANSWER): (_early, State.EARLY),
    (State.ALLOCATED, Input.FINAL_ANSWER): (_final, State.ANSWERED),
    (State.ALLOCATED, Input.OFFER): (_first_offer, State.ANSWERED),  # without a browser: the SIP side calls
    (State.EARLY, Input.PROVISIONAL_ANSWER): (_early, State.EARLY),
    (State.EARLY, Input.FINAL_ANSWER): (_final, State.ANSWERED),
    (State.DELAYED, Input.FINAL_ANSWER): (_final, State.OFFERED),
    (State.OFFERED, Input.FINAL_ANSWER): (_later, State.ANSWERED),
    # Our last offer again: an agent that takes over a call asks once more what may not have been answered; and of a
    # call that is being transferred, the old far side may have changed something since the new one got our offer.
    (State.ANSWERED, Input.FINAL_ANSWER): (_again, State.ANSWERED),
    (State.ANSWERED, Input.OFFER): (_reoffer, State.ANSWERED),
    (State.ANSWERED, Input.REQUEST): (_request, State.OFFERING),
    (State.OFFERING, Input.REQUEST): (_request, State.OFFERING),
    (State.OFFERING, Input.FINAL_ANSWER): (_later, State.ANSWERED),
    (State.OFFERING, Input.OFFER): (_reoffer, State.ANSWERED),  # ours was refused, which changed nothing
}


_SETTLED = (State.ANSWERED, State.OFFERING)


@dataclass(frozen=True)
class Owner:
    """Whose session it is."""

    call_id: str
    agent: str  # is told of its events


class MediaSession:
    """One media session as its commands see it; what flows is the data path's."""

    def __init__(
        self,
        owner: Owner,
        offerer: Side | None,
        negotiation: Negotiation,
        keys: FarSideKeys,
        now: float,
        unclaimed_seconds: float,
        is_headless: bool = False,
    ) -> None:
        self.owner = owner
        self.is_headless = is_headless
        self.state = State.DELAYED if offerer is None else State.ALLOCATED
        self.allocated_at = now
        self.answered_at: float | None = None
        self.expires_at: float | None = now + unclaimed_seconds  # None: whoever has the call will release it
        self._offerer = offerer
        self._negotiation = negotiation
        self._keys = keys
        self._unclaimed_seconds = unclaimed_seconds
        self._epoch = 0
        self._is_lost = False
        self.partner = ""  # the session that is joined with this one
        self._streams: tuple[StreamPlan, ...] = ()
        self._keyframe_wishes = KeyframeWishes()

    @classmethod
    def rebuilt(
        cls,
        owner: Owner,
        negotiation: Rebuilt | RebuiltHeadless,
        keys: FarSideKeys,
        epoch: int,
        now: float,
        unclaimed_seconds: float,
    ) -> "MediaSession":
        """Go on where another relay was: both sides have accepted the call, and the browser, if any, has our offer."""
        is_headless = isinstance(negotiation, RebuiltHeadless)
        session = cls(owner, "sip", negotiation, keys, now, unclaimed_seconds, is_headless)
        session.state, session._epoch, session._streams = State.ANSWERED, epoch, negotiation.streams
        return session

    def answer(self, side: Side, sdp: str, provisional: bool, epoch: int, now: float, far_side: str = "") -> Outcome:
        """Take an answer of `side`; the SDP is for the other side."""
        if side == "browser" and self.state in _SETTLED and self._negotiation.later.is_renewing:
            self._admit(epoch)
            return self._negotiation.later.renewed(sdp, self._streams)
        if side != self._answerer():
            raise RemoteError(400, "That Side Has No Offer")
        outcome = self._take(Input.PROVISIONAL_ANSWER if provisional else Input.FINAL_ANSWER, sdp, epoch, far_side)
        if self.answered_at is None:
            self.answered_at = now
        return outcome

    def offer(self, side: Side, sdp: str, epoch: int, far_side: str = "") -> Outcome:
        """Take a later offer of `side`; the SDP is the answer to it."""
        if side == "browser":
            raise RemoteError(501, "A Later Offer Of The Browser Is Not Implemented")
        return self._take(Input.OFFER, sdp, epoch, far_side)

    def request_offer(self, direction: DirectionName, epoch: int, far_side: str = "") -> Outcome:
        """Make a later offer to the SIP side, which the SDP is."""
        return self._take(Input.REQUEST, direction, epoch, far_side)

    def check_renewal(self, epoch: int) -> None:
        """Raise `RemoteError` if the browser cannot come anew now."""
        self._admit(epoch)
        if self.is_headless:
            raise RemoteError(501, "There Is No Browser")
        if self.state not in _SETTLED:
            raise RemoteError(491, f"Renewal While {self.state.value}")

    def renew(self, transport: BrowserTransport, session_id: str) -> Outcome:
        """Make an offer to the browser, which is to come by another transport; `check_renewal` was just called."""
        return Outcome(self._negotiation.later.renew(transport, session_id), None)

    def regained(self) -> None:
        """The browser is there after all: the session lives on."""
        if self._is_lost:
            self._is_lost = False
            self.expires_at = None

    def request_keyframe(self, side: Side, epoch: int, now: float) -> bool:
        """Tell whether to ask `side` for a whole picture by RTCP now; raise `RemoteError` 501 if it takes none."""
        self._admit(epoch)
        video = next((stream for stream in self._streams if stream.kind == "video" and stream.to_sip), None)
        if video is None:
            raise RemoteError(488, "No Video")
        if side == "sip" and not (video.sip_takes_pli or video.sip_takes_fir):
            raise RemoteError(501, "The Far Side Takes No Picture Loss Indication")
        return self._keyframe_wishes.may_ask(side, now)

    def check(self, epoch: int) -> None:
        """Raise `RemoteError` if an owner of that epoch may not command the session any more."""
        self._admit(epoch)

    def adopt(self, agent: str, epoch: int) -> None:
        """Another agent has the call: it is told of events from now on, and who had it before is heard no more."""
        self._admit(epoch)
        self.owner = replace(self.owner, agent=agent)

    @property
    def streams(self) -> tuple[StreamPlan, ...]:
        """What was settled last."""
        return self._streams

    @property
    def is_settled(self) -> bool:
        """Whether both sides have accepted the call, so that its media flows."""
        return self.state in _SETTLED

    def lost(self, now: float) -> None:
        """The browser is gone for good: should no agent be there to release the session, it ends by itself."""
        self._is_lost = True
        self.expires_at = now + self._unclaimed_seconds

    def is_unheard(self, heard_at: float | None, now: float) -> bool:
        """Tell whether the SIP side should have been heard since: on hold it sends nothing."""
        since = max(self.answered_at or self.allocated_at, heard_at or 0.0)
        return any(stream.sip_sends for stream in self._streams) and now - since > self._unclaimed_seconds

    def for_partner(self) -> tuple[Codec, ...]:
        """Return what a session that is to be joined with this one may offer; raise `RemoteError` if none can be."""
        if not isinstance(self._negotiation, HeadlessOffers | RebuiltHeadless):
            raise RemoteError(488, "There Is A Browser")
        if not self.is_settled or self.partner:
            raise RemoteError(491, "Joined Already" if self.partner else f"Joining While {self.state.value}")
        return self._negotiation.for_partner

    def join(self, partner: str) -> None:
        """Have a partner."""
        self.partner = partner

    def part(self) -> None:
        """Have none any more."""
        self.partner = ""

    def _answerer(self) -> Side | None:
        """Return the side that our last offer is with, or was with."""
        is_later = self.state is State.ANSWERED and self._negotiation.later.has_offered
        if is_later or self.state in (State.OFFERED, State.OFFERING) or self._offerer == "browser":
            return "sip"
        return "browser" if self.state is State.DELAYED or self._offerer == "sip" else None

    def _take(self, what: Input, text: str, epoch: int, far_side: str) -> Outcome:
        self._admit(epoch)
        if (self.state, what) not in _TRANSITIONS:
            raise RemoteError(491, f"{what.value} While {self.state.value}")
        action, following = _TRANSITIONS[self.state, what]
        outcome = action(self._negotiation, _Given(text, self._keys.of(far_side)))
        self.state = following
        if outcome.plan is not None:
            self._streams = outcome.plan.streams
        if not self._is_lost:
            self.expires_at = None
        return outcome

    def _admit(self, epoch: int) -> None:
        """The epoch fences an owner that has lost the call and does not know it yet."""
        if epoch < self._epoch:
            raise RemoteError(409, "Stale Epoch")
        self._epoch = epoch
