"""The calls of one socket on the bus: media from a relay, the call itself with the session's agent.

A media session is this service's until an agent has accepted it with the call; on every way out before that, it is
released.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from shared.errors import DeadlineExceeded, LocalError, RemoteError
from shared.logs import bound
from shared.messages import AnswerCall, Done, HangupCall, IncomingAccepted, IncomingCall, StartCall

from . import metrics
from .agents import Owner, envelope
from .core.outputs import Answer, HangUp, PlaceCall
from .core.sdp import has_video
from .core.session import Session
from .pod import Pod

_log = structlog.get_logger(__name__)

Work = PlaceCall | Answer | HangUp


class CallControl:
    """`transmit` is to be called when the core has new outputs."""

    def __init__(self, pod: Pod, core: Session, transmit: Callable[[], None]) -> None:
        self._pod = pod
        self._core = core
        self._transmit = transmit
        self._now = asyncio.get_running_loop().time
        self._session_id = ""
        self._owner = Owner("", 0)
        self._open = asyncio.Event()

    def opened(self, session_id: str, owner: Owner) -> None:
        """There is a session now, and calls may come in."""
        self._session_id = session_id
        self._owner = owner
        self._open.set()

    async def carry_out(self, work: Work) -> None:
        """Do what the page asked for, and tell the core what came of it."""
        with bound(call=work.call_id):
            try:
                match work:
                    case PlaceCall():
                        await self._place(work)
                        self._core.calls.started(work.call_id, self._now())
                    case Answer():
                        await self._answer(work)
                        self._core.forwarded(work.re)
                    case HangUp():
                        await self._hang_up(work.call_id, work.status, work.reason)
                        self._core.forwarded(work.re)
            except RemoteError as error:
                _log.info("call command failed", command=type(work).__name__, status=error.status, reason=error.reason)
                self._failed(work, error)
            except Exception:  # the task boundary
                _log.exception("call command failed", command=type(work).__name__)
                self._failed(work, RemoteError(500, "Server Internal Error"))
            self._transmit()

    def _failed(self, work: Work, error: RemoteError) -> None:
        match work:
            case PlaceCall():
                metrics.CALLS.labels("outgoing", str(error.status)).inc()
                self._core.calls.failed(work.call_id, error.status, error.reason)
            case Answer():
                self._core.answer_refused(work.re, work.call_id, error.status, error.reason, self._now())
            case HangUp():
                self._core.hangup_refused(work.re, work.call_id, error.status, error.reason, self._now())

    async def _place(self, call: PlaceCall) -> None:
        allocated = await self._pod.media.for_outgoing(call.call_id, self._owner.agent, call.sdp)
        try:
            if not self._core.media_allocated(call.call_id, self._now()):
                raise RemoteError(487, "Request Terminated")
            if allocated.sip_sdp is None:
                raise LocalError("the relay allocated media without an offer for SIP")
            command = StartCall(
                **envelope(self._owner),
                session_id=self._session_id,
                call_id=call.call_id,
                callee=call.to,
                media=allocated.media,
                sip_sdp=allocated.sip_sdp,
                has_video=has_video(call.sdp),
                headers=call.headers,
            )
            await self._pod.agents.request(self._session_id, self._owner, command, Done)
        except DeadlineExceeded:
            # It may be on its way all the same.
            self._pod.tasks.spawn(self._hang_up_unheard(call.call_id), "hang up")
            self._pod.media.release(allocated.media)
            raise
        except Exception:
            self._pod.media.release(allocated.media)
            raise
        metrics.CALLS.labels("outgoing", "ok").inc()

    async def _hang_up_unheard(self, call_id: str) -> None:
        try:
            await self._hang_up(call_id)
        except RemoteError as error:
            _log.info("call is left to its agent", call=call_id, error=str(error))

    async def _answer(self, answer: Answer) -> None:
        command = AnswerCall(
            **envelope(self._owner), session_id=self._session_id, call_id=answer.call_id, browser_sdp=answer.sdp
        )
        await self._pod.agents.request(self._session_id, self._owner, command, Done)

    async def _hang_up(self, call_id: str, status: int = 0, reason: str = "") -> None:
        command = HangupCall(
            **envelope(self._owner), session_id=self._session_id, call_id=call_id, status=status, reason=reason
        )
        await self._pod.agents.request(self._session_id, self._owner, command, Done)

    async def take(self, call: IncomingCall) -> IncomingAccepted:
        """Allocate media for a call that the agent offers, and show it to the page."""
        started = self._now()
        try:
            await self._until_open(call.expires_at)
            self._core.offer(call.call_id, self._now())
            accepted = await self._show(call)
        except RemoteError as error:
            metrics.CALLS.labels("incoming", str(error.status)).inc()
            raise
        metrics.CALLS.labels("incoming", "ok").inc()
        metrics.CALL_STAGE.labels("offered").observe(self._now() - started)
        return accepted

    async def _show(self, call: IncomingCall) -> IncomingAccepted:
        try:
            allocated = await self._pod.media.for_incoming(call.call_id, call.agent, call.sip_sdp)
        except Exception:
            self._core.calls.offer_failed(call.call_id)
            raise
        try:
            if allocated.browser_sdp is None:
                raise LocalError("the relay allocated media without an offer for the browser")
            if time.time() >= call.expires_at:  # the agent has given up: nobody may ring
                raise RemoteError(504, "Server Time-out")
            if not self._core.show(call, allocated.browser_sdp):
                raise RemoteError(480, "Temporarily Unavailable")
        except Exception:
            self._pod.media.release(allocated.media)
            self._core.calls.offer_failed(call.call_id)
            raise
        self._transmit()
        return IncomingAccepted(
            media=allocated.media, browser_sdp=allocated.browser_sdp, has_video=has_video(allocated.browser_sdp)
        )

    async def _until_open(self, expires_at: float) -> None:
        """An account may be called before its page has the reply to its log-in."""
        try:
            async with asyncio.timeout(max(0.0, expires_at - time.time())):
                await self._open.wait()
        except TimeoutError as error:
            raise RemoteError(480, "Temporarily Unavailable") from error
