"""The calls and messages of one socket on the bus: media from a relay, the rest with the session's agent.

The media session of a call that comes in is this service's until an agent has accepted it; on every way out before
that, it is released. `call_start` has the same rule for calls that go out.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from msgspec import UNSET

from shared.errors import LocalError, RemoteError
from shared.logs import bound
from shared.messages import (
    AnswerCall,
    AnswerRenewal,
    AnswerRequested,
    Command,
    Done,
    HangupCall,
    HoldCall,
    IncomingAccepted,
    IncomingCall,
    ReanchorMedia,
    RenewalOffered,
    RenewMedia,
    Reply,
    SendDtmf,
    TransferCall,
)
from shared.messages import SendMessage as SendMessageCommand

from .. import metrics
from ..agents import Owner, envelope
from ..call_start import start_call
from ..core import outputs
from ..core.outputs import Answer, HangUp, PlaceCall, Renew, SendMessage, Use
from ..core.requests import CallRequest, CallUse, DtmfRequest, HoldRequest, MessageRequest, TransferRequest
from ..core.sdp import has_video
from ..core.session import Session
from ..pod import Pod
from .notices import Notices

_log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Reply)

Work = PlaceCall | Answer | Renew | outputs.AnswerRenewal | HangUp | Use | SendMessage
CallCommand = (
    AnswerCall | AnswerRenewal | RenewMedia | HangupCall | HoldCall | SendDtmf | TransferCall | SendMessageCommand
)


def _nothing() -> None:
    """There is nobody to tell."""


class CallControl:
    """`transmit` is to be called when the core has new outputs."""

    def __init__(self, pod: Pod, core: Session, notices: Notices, transmit: Callable[[], None]) -> None:
        self._pod = pod
        self._notices = notices
        self._core = core
        self._transmit = transmit
        self._now = asyncio.get_running_loop().time
        self._session_id = ""
        self._owner = Owner("", 0)
        self._open: asyncio.Event | None = asyncio.Event()  # until there is a session

    def opened(self, session_id: str, owner: Owner) -> None:
        """There is a session now, and calls may come in."""
        self._session_id = session_id
        self._owner = owner
        if self._open is not None:
            self._open.set()
            self._open = None

    def leave(self) -> None:
        """The socket is gone, and its gateway to be freed: by itself, for collections are rare."""
        self._transmit = _nothing

    async def carry_out(self, work: outputs.CallWork) -> None:
        """Do what the page asked for, and tell the core what came of it."""
        with bound(**_about(work)):
            try:
                async with self._notices.in_turn(work):
                    await self._do(work)
            except RemoteError as error:
                _log.info("command failed", command=type(work).__name__, status=error.status, reason=error.reason)
                self._failed(work, error)
            except Exception:  # the task boundary
                _log.exception("command failed", command=type(work).__name__)
                self._failed(work, RemoteError(500, "Server Internal Error"))
            self._transmit()

    async def _do(self, work: outputs.CallWork) -> None:
        match work:
            case PlaceCall(request=request):
                await self._place(request)
                self._core.calls.started(work.call_id, self._now())
            case Answer():
                await self._command(AnswerCall, work.call_id, browser_sdp=work.sdp)
                self._core.forwarded(work.re)
            case Renew():
                offered = await self._request(RenewMedia, work.call_id, RenewalOffered)
                self._core.renewal_offered(work.re, offered.browser_sdp)
            case outputs.AnswerRenewal():
                await self._command(AnswerRenewal, work.call_id, browser_sdp=work.sdp)
                self._core.forwarded(work.re)
            case HangUp():
                await self._hang_up(work.call_id, work.status, work.reason)
                self._core.forwarded(work.re)
            case Use(request=request):
                await self._use(request)
                self._core.forwarded(request.id)
            case SendMessage(request=request):
                await self._send_message(request)
                self._core.forwarded(request.id)
            case outputs.SendData(request=request):
                self._core.forwarded(request.id)

    def _failed(self, work: outputs.CallWork, error: RemoteError) -> None:
        match work:
            case PlaceCall():
                metrics.CALLS.labels("outgoing", str(error.status)).inc()
                self._core.calls.failed(work.call_id, error.status, error.reason)
                self._notices.failed(work.call_id, error)
            case Answer():
                self._core.answer_refused(work.re, work.call_id, error.status, error.reason, self._now())
            case HangUp():
                self._core.hangup_refused(work.re, work.call_id, error.status, error.reason, self._now())
            case Renew() | outputs.AnswerRenewal():
                self._core.refused(work.re, error.status, error.reason)
            case Use() | SendMessage() | outputs.SendData():
                self._core.refused(work.request.id, error.status, error.reason)

    async def _place(self, call: CallRequest) -> None:
        await start_call(
            self._pod,
            self._session_id,
            self._owner,
            self._pod.media.for_outgoing(call.call, self._owner.agent, call.sdp),
            call_id=call.call,
            lives_if_late=False,
            is_wanted=lambda: self._core.media_allocated(call.call, self._now()),
            callee=call.to,
            has_video=has_video(call.sdp),
            headers=call.headers,
            is_private=call.private,
        )
        metrics.CALLS.labels("outgoing", "ok").inc()

    async def _hang_up(self, call_id: str, status: int = 0, reason: str = "") -> None:
        await self._command(HangupCall, call_id, status=status, reason=reason)

    async def _use(self, request: CallUse) -> None:
        match request:
            case HoldRequest():
                await self._command(HoldCall, request.call, is_held=request.on)
            case DtmfRequest():
                await self._command(
                    SendDtmf,
                    request.call,
                    digits=request.digits,
                    duration_ms=request.duration,
                    method=request.method,
                    gap_ms=request.gap,
                )
            case TransferRequest(to=to, other=other):
                await self._command(TransferCall, request.call, target=to or "", other_call_id=other or "")

    async def _send_message(self, request: MessageRequest) -> None:
        what: dict[str, Any] = {
            "message_id": request.message,
            "body": request.body,
            "content_type": request.content_type,
        }
        if request.call is not UNSET:
            await self._command(SendMessageCommand, request.call, to="", **what)
            return
        command = SendMessageCommand(**envelope(self._owner), session_id=self._session_id, to=request.to or "", **what)
        await self._pod.agents.request(self._session_id, self._owner, command, Done)

    async def _command(self, kind: type[CallCommand], call_id: str, **fields: Any) -> None:
        """Send a command to the agent that has the call."""
        await self._request(kind, call_id, Done, **fields)

    async def _request(self, kind: type[CallCommand], call_id: str, reply: type[R], **fields: Any) -> R:
        command = kind(**envelope(self._owner), session_id=self._session_id, call_id=call_id, **fields)
        return await self._pod.agents.request(self._session_id, self._owner, command, reply)

    async def serve(self, command: Command) -> IncomingAccepted | Done | None:
        """Show a call to the page, ask it to answer one, or offer it another connection."""
        match command:
            case IncomingCall():
                return await self._take(command)
            case AnswerRequested():
                self._core.calls.ask_to_answer(command.call_id)
            case ReanchorMedia():
                self._core.reanchor(command)
            case _:
                return None
        self._transmit()
        return Done()

    async def _take(self, call: IncomingCall) -> IncomingAccepted:
        """Allocate media for a call that the agent offers, and show it to the page."""
        started = self._now()
        try:
            await self.until_open(call.expires_at)
            self._core.offer(call.call_id, self._now())
            async with self._notices.offered(call):
                accepted = await self._show(call)
        except RemoteError as error:
            metrics.CALLS.labels("incoming", str(error.status)).inc()
            raise
        metrics.CALLS.labels("incoming", "ok").inc()
        metrics.CALL_STAGE.labels("offered").observe(self._now() - started)
        return accepted

    async def _show(self, call: IncomingCall) -> IncomingAccepted:
        try:
            await self._notices.admit_call(call)
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

    async def until_open(self, expires_at: float) -> None:
        """Return once there is a session: an account may be called before its page has the reply to its log-in."""
        opened = self._open
        if opened is None:
            return
        try:
            async with asyncio.timeout(max(0.0, expires_at - time.time())):
                await opened.wait()
        except TimeoutError as error:
            raise RemoteError(480, "Temporarily Unavailable") from error


def _about(work: outputs.CallWork) -> dict[str, str]:
    match work:
        case SendMessage(request=request):
            return {"message": request.message}
        case outputs.SendData():
            return {}
        case _:
            return {"call": work.call_id}
