"""The media of one live call: what its relay is asked, the browser's end, and the way to another relay.

`core.media.anchor` decides where the session is; this carries that out. Questions to the relay are asked aside, one
after the other. One that the relay does not hear any more waits for the session to be somewhere else.
"""

import asyncio
import contextlib
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import nats.errors
import structlog

from shared.errors import LocalError, NoOwner, RemoteError
from shared.messages import Done, MediaAllocated, MediaRef, MediaSdp, ReanchorMedia
from shared.subjects import session_events
from sip_agent import metrics
from sip_agent.calls.browser_media import BrowserMedia
from sip_agent.calls.call_owner import CallOwner
from sip_agent.calls.joining import JoinedCall, JoinedMedia, Partner
from sip_agent.calls.leg import Leg
from sip_agent.calls.rebuilding import Rebuilding
from sip_agent.calls.relay_client import ask_relay, leave_relay, release, request_keyframe
from sip_agent.calls.sounds import CallSounds
from sip_agent.core.back import back
from sip_agent.core.call.call import Call
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import AskMedia, MediaQuestion
from sip_agent.core.media.anchor import (
    Anchor,
    AnchorOutput,
    Build,
    GiveUp,
    Phase,
    Release,
    Save,
    State,
    TellBrowser,
    TellFarSide,
)
from sip_agent.mailbox import Mailbox
from sip_agent.services import Services, command_expiry, command_id

_log = structlog.get_logger(__name__)

_DEADLINE = 1.0
_ELSEWHERE_WITHIN = 5.0  # longer than it takes to know that a relay is gone
_NO_SESSION = 481  # says a relay that has been started anew, or has given the session up
_UNABLE = 501
# Those that another session can answer as well; the others are answers to an offer that went with the old one.
_ASKED_ANEW = ("offer", "late_offer", "our_offer")
_WAITING = (*_ASKED_ANEW, "answer", "late_answer")
# By these the far side has come to know the session that was asked.
_TELLING = ("offer", "late_answer", "their_answer")


class AnchoredCall(Protocol):
    """As much of a live call as is needed here."""

    leg: Leg
    sounds: CallSounds
    is_headless: bool
    partner: Partner | None

    @property
    def call_id(self) -> str:
        """Its id on the bus."""

    @property
    def is_changing_hands(self) -> bool:
        """Whether a leg is tried that is to take the call over."""

    def fail(self, status: int, reason: str) -> None:
        """End it for a reason that is neither side's."""

    def post(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Do something in its turn."""

    async def in_turn(self, verb: Callable[..., Any], *facts: Any) -> None:
        """The same, and wait until that is done."""

    async def save(self, leg: Leg) -> None:
        """Write the record."""


class CallMedia:
    """`asides` keep the order of what the relay is asked."""

    def __init__(self, services: Services, owner: CallOwner, call: AnchoredCall, media: MediaRef | None) -> None:
        self._services = services
        self._owner = owner
        self._call_ref = weakref.ref(call)  # which holds us (see `back`)
        self.asides = Mailbox(services.tasks, f"aside {call.call_id}")
        grace = services.settings.media_grace_seconds
        self.browser = BrowserMedia(grace, back(self._browser_lost), services.bus, self.asides)
        self.anchor = Anchor(back(self._owns_call_id), grace, media, call.is_headless)
        self._incarnation: tuple[MediaRef | None, str] = (None, "")
        self._note_incarnation()
        self._moved = asyncio.Event()
        self._is_over = False

    @property
    def _call(self) -> AnchoredCall:
        call = self._call_ref()
        if call is None:
            raise LocalError("the media of a call that is gone")
        return call

    def _owns_call_id(self) -> bool:
        return isinstance(self._call.leg.core, OutgoingCall)

    def _browser_lost(self, reason: str) -> None:
        self._call.fail(503, f"Media Failed ({reason})")

    def found(self, media: MediaRef) -> None:
        """Signaling has made the session."""
        self.anchor.current = media
        self._note_incarnation()

    def _note_incarnation(self) -> None:
        media = self.anchor.current
        heard = None if media is None else self._services.relays.expect(media.relay, time.monotonic())
        self._incarnation = (media, "" if heard is None else heard.incarnation)

    def incarnation_of(self, media: MediaRef) -> str:
        """Which start of its relay made the session, "" if that is not known."""
        noted, incarnation = self._incarnation
        return incarnation if noted == media else ""

    def close(self) -> None:
        """The call is over."""
        self._is_over = True
        self.browser.close()
        self._moved.set()

    async def release(self) -> None:
        """Free all that the call has at relays."""
        for media in self.anchor.sessions:
            await release(self._services.bus, media, self._owner.epoch)

    # -- what relays say

    def connected(self, media_id: str) -> None:
        """The browser is there, at one session or the other."""
        self._call.post(self.anchor.connected, media_id)
        if self._is_at(self.anchor.for_browser, media_id):
            self.browser.connected()

    def lost(self, media_id: str, reason: str) -> None:
        """It is gone; from a session that the call is leaving it may go."""
        if self._is_at(self.anchor.current, media_id):
            call = self._call
            self.browser.lost(reason, may_return=call.leg.core.was_established and not call.is_headless)
        elif self.anchor.next is not None and self.anchor.next.media_id == media_id:
            self._call.post(self.anchor.gone, self.anchor.next, self._phase)

    @staticmethod
    def _is_at(media: MediaRef | None, media_id: str) -> bool:
        return media is not None and media.media_id == media_id

    def gone(self, media: MediaRef) -> None:
        """A session is gone with its relay."""
        if media == self.anchor.current:
            if self.anchor.is_lost:
                return
            if self._call.is_changing_hands:  # each of two legs has some of what would have to be told
                self._call.fail(503, "Media Relay Is Gone")
                return
        self._call.post(self._gone, media, self._phase)

    def _gone(self, media: MediaRef, phase: Phase, now: float) -> None:
        is_news = media == self.anchor.current and not self.anchor.is_lost
        companion = self._companion
        self.anchor.gone(media, phase, now)
        if is_news:
            _log.warning("media relay gone", call=self._call.call_id, relay=media.relay)
            if companion is not None and companion.anchor.current is not None:
                companion.gone(companion.anchor.current)

    def drains(self) -> None:
        """The relay wants the session to leave; that of a joined call goes along."""
        companion = self._companion
        self.leave()
        if companion is not None:
            companion.leave()

    def leave(self) -> None:
        """Move to another relay, while this one forwards."""
        self._call.post(self.anchor.drains)

    @property
    def _joined(self) -> JoinedCall | None:
        call = self._call
        return None if call.partner is None else call.partner.other(call.call_id)

    @property
    def _companion(self) -> JoinedMedia | None:
        """The media of the joined call, if it is where ours is: what becomes of a relay becomes of both."""
        media, other = self.anchor.current, self._joined
        if media is None or other is None or other.media is None or other.media.relay != media.relay:
            return None
        side = other.media_side
        starts = {self.incarnation_of(media), side.incarnation_of(other.media)} - {""}
        return side if len(starts) < 2 else None

    @property
    def may_leave(self) -> bool:
        """Whether the session can move while its relay drains."""
        call, companion = self._call, self._companion
        is_free = self.is_free and (companion is None or companion.is_free)
        is_settled = call.partner is None or call.partner.is_settled
        return self.anchor.may_leave and call.leg.core.was_established and is_free and is_settled

    @property
    def is_free(self) -> bool:
        """Whether it is one far side's alone."""
        return not self._call.is_changing_hands

    @property
    def _phase(self) -> Phase:
        core = self._call.leg.core
        if core.is_answered:
            return "through"
        return "calling" if isinstance(core, OutgoingCall) else "called"

    # -- what the anchor wants

    async def carry_out(self) -> bool:
        """Do what is to be done now; return whether there was anything. Only from the mailbox."""
        outputs = self.anchor.take_output()
        for output in outputs:
            await self._do(output)
        if outputs:
            self._moved.set()
            self._moved = asyncio.Event()
        return bool(outputs)

    async def _do(self, output: AnchorOutput) -> None:
        services, call = self._services, self._call
        match output:
            case Build():
                services.tasks.spawn(self._build(call), f"rebuild media of {call.call_id}")
            case Save():
                await self._save()
            case TellBrowser(offer):
                services.tasks.spawn(self._tell_browser(call, offer), f"tell browser of {call.call_id}")
            case TellFarSide():
                call.leg.core.reanchor(False, time.monotonic())
            case Release(media):
                leave_relay(services, self.asides, media, self._owner.epoch)
            case GiveUp(reason):
                metrics.MEDIA_MOVES.labels("given up").inc()
                call.fail(503, reason)

    async def _save(self) -> None:
        call = self._call
        self._note_incarnation()
        if self._phase == "called":
            call.leg.core.browser_sdp = self.anchor.offer
        try:
            await call.save(call.leg)
        except nats.errors.Error as error:  # whoever takes the call over finds the old session gone, and moves it
            _log.warning("move not recorded", call=call.call_id, error=repr(error))
        if not self.anchor.is_moving:
            metrics.MEDIA_MOVES.labels("moved").inc()
            call.sounds.moved()
            if call.partner is not None:
                call.partner.moved(call.call_id)
            _log.info("media moved", call=call.call_id, relay=self.anchor.current and self.anchor.current.relay)

    async def _build(self, call: AnchoredCall) -> None:
        try:
            allocated = await self._new_session(call)
        except RemoteError as error:
            _log.info("media not rebuilt", call=call.call_id, error=str(error))
            call.post(self.anchor.not_built)
        except Exception:  # the boundary of the task: the call must hear something
            _log.exception("media not rebuilt", call=call.call_id)
            call.post(self.anchor.not_built)
        else:
            if self._is_over:
                await release(self._services.bus, allocated.media, self._owner.epoch)
            else:
                call.post(self.anchor.built, allocated.media, allocated.browser_sdp or "")

    async def _new_session(self, call: AnchoredCall) -> MediaAllocated:
        core, other = call.leg.core, self._joined
        own = Rebuilding(self._services, self._owner.epoch, call.call_id, core, call.is_headless)
        if call.partner is None or other is None or other.media is None or not core.is_answered:
            return await own.alone()
        if self._companion is not None:
            return await call.partner.meeting.rebuild(own)
        return await own.joined_to(other.media)

    async def _tell_browser(self, call: AnchoredCall, offer: str) -> None:
        session_id = self._owner.session_id
        command = ReanchorMedia(
            id=command_id(),
            expires_at=command_expiry(),
            epoch=self._owner.epoch,
            session_id=session_id,
            call_id=call.call_id,
            browser_sdp=offer,
        )
        try:
            await self._services.bus.request(session_events(session_id), command, Done, _DEADLINE)
        except RemoteError as error:
            call.post(self.anchor.unable if error.status == _UNABLE else self.anchor.not_told)
        else:
            call.post(self.anchor.told)

    # -- questions

    def ask(self, leg: Leg, asked: AskMedia, instead: AskMedia | None = None) -> None:
        """Bring the relay a question of a leg; `instead`: another one, whose answer is the answer to it."""
        call = self._call
        if call.is_headless and asked.question == "answer_browser":  # there is none: the relay answers by itself
            instead = AskMedia("offer", leg.core.far_sdp or "")
        self.asides.post(lambda: self._ask(call, leg.core, asked.question, instead or asked))

    async def _ask(self, call: AnchoredCall, core: Call, question: MediaQuestion, asked: AskMedia) -> None:
        if self.anchor.current is None:
            return
        try:
            media, answer = await self._answer(call, core, question, asked)
        except RemoteError as error:
            await call.in_turn(core.media_refused, question, error.status, error.reason)
        except Exception:  # the boundary of the aside: the call must hear something
            _log.exception("relay not asked", call=call.call_id)
            await call.in_turn(core.media_refused, question, 500, "Server Internal Error")
        else:
            await call.in_turn(partial(core.media_answered, is_held=answer.is_held), question, answer.sdp)
            if self.anchor.is_moving and question in _TELLING and core is call.leg.core:
                call.post(self._told, media)

    def _told(self, media: MediaRef, now: float) -> None:
        self.anchor.far_side_told(media, now)
        if media == self.anchor.current:
            self._call.leg.core.reanchor(True, now)

    async def _answer(
        self, call: AnchoredCall, core: Call, question: MediaQuestion, asked: AskMedia
    ) -> tuple[MediaRef, MediaSdp]:
        while True:
            media = self.anchor.current
            assert media is not None
            if question == "answer" and self.anchor.state is State.STRANDED:
                await call.in_turn(self.anchor.answered)
                return media, MediaSdp(sdp="")
            try:
                return media, await ask_relay(self._services.bus, media, self._owner.epoch, core.sip_call_id, asked)
            except RemoteError as error:
                is_gone = isinstance(error, NoOwner) or error.status == _NO_SESSION
                if error.status == _NO_SESSION:  # its relay says so itself
                    self.gone(media)
                if not (is_gone and asked.question in _WAITING and await self.elsewhere(media)):
                    raise _refusal(question, error, is_gone) from error
            if asked.question not in _ASKED_ANEW:  # the move under way tells both ends all that there is to tell
                return media, MediaSdp(sdp="")

    async def elsewhere(self, media: MediaRef) -> bool:
        """Wait for a session whose relay does not answer to be another one; return whether it is."""
        if self._services.settings.media_grace_seconds <= 0:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ELSEWHERE_WITHIN):
                while self.anchor.current == media and not self._is_over:
                    await self._moved.wait()
        return self.anchor.current != media and not self._is_over

    async def renew(self) -> str:
        """Return an offer for the browser that comes anew; raise `RemoteError`."""
        return await self.browser.renew(self.anchor.for_browser, self._owner.epoch)

    async def answer_renewal(self, sdp: str) -> None:
        """Bring the relay the browser's answer to that, or to the offer of another relay; raise `RemoteError`."""
        await self.browser.answer(self.anchor.for_browser, self._owner.epoch, sdp)

    def measured(self, media_id: str) -> bool:
        """The relay measures a session, so its browser is there; return whether it is the one that media comes by."""
        if self.anchor.offer and self._is_at(self.anchor.for_browser, media_id):
            self.connected(media_id)  # the word of that was lost
        return self._is_at(self.anchor.current, media_id)

    def want_keyframe(self) -> None:
        """The far side cannot decode."""
        if self.anchor.current is not None:
            self.asides.post(partial(request_keyframe, self._services.bus, self.anchor.current, self._owner.epoch))


def _refusal(question: MediaQuestion, error: RemoteError, is_gone: bool) -> RemoteError:
    """What the call is told: it rings on without early media, for its answer will find another relay."""
    if is_gone and question == "early":
        return RemoteError(480, "Media Relay Is Gone")
    return error
