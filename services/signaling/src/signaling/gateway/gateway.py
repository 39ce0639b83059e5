"""One socket and its session: carries out what the core asks for, and brings back what came of it.

A socket's loss is no log-out. What is under way on the bus is finished, and the session marked detached, unless another
socket has it by then.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Coroutine
from typing import Any

import structlog

from shared.errors import RemoteError
from shared.ids import new_id
from shared.logs import bound
from shared.messages import AccountMoved, Command, Done, Event, IncomingMessage, Message, SessionEnded
from shared.tasks import Tasks

from .. import metrics
from ..agents import Owner
from ..core import outputs
from ..core.errors import bad_resume_token, no_such_session
from ..core.requests import LoginRequest, ResumeRequest
from ..core.session import POLICY_VIOLATION, ByeReason, Session, SessionState
from ..pod import Pod
from ..sessions.directory import Held
from ..sessions.subject import SessionSubject
from .call_control import CallControl
from .connection import Connection
from .notices import Notices
from .password_watch import PasswordWatch
from .welcome import ice_ok, session_ok

_log = structlog.get_logger(__name__)

_WORK_SECONDS = 10.0  # longer than any chain of bus requests
_NO_ACCOUNT = (404, 481)
_OUT_OF_REACH = (503, 504)


class Gateway:
    """Lives as long as its socket."""

    def __init__(self, pod: Pod, connection: Connection) -> None:
        self._pod = pod
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._core = Session(self._loop.time(), pod.settings.login_seconds, secrets.token_urlsafe)
        self._tasks = Tasks("socket")
        self._timer: asyncio.TimerHandle | None = None
        self._subject = SessionSubject(pod.bus)
        self._session_id = ""
        self._held: Held | None = None
        self._owner = Owner("", 0)
        self._notices = Notices(pod, self._core)
        self._calls = CallControl(pod, self._core, self._notices, self._transmit)
        self._password = PasswordWatch(pod.attempts, connection.visit.host)
        pod.gateways.add(self)
        pod.count()
        self._arm()

    @property
    def waiting(self) -> int:
        """How many bytes its page has not been sent yet."""
        return self._connection.waiting

    @property
    def is_logged_in(self) -> bool:
        """Whether its page has a session here."""
        return self._core.state is SessionState.OPEN

    @property
    def is_kept(self) -> bool:
        """Whether that session is to outlive the socket."""
        return self._core.is_kept

    def receive(self, text: str | None) -> None:
        """Take a frame of the page; None stands for one that is not text."""
        self._core.receive(text, self._loop.time())
        self._transmit()

    async def aclose(self) -> None:
        """The socket is gone."""
        self._core.lost()
        self._password.leave()
        if self._timer is not None:
            self._timer.cancel()
        await self._subject.leave()
        if self._held is not None and self._pod.sessions.get(self._session_id) is self:
            held = self._held
            await self._finish(self._detach(held) if self._core.is_kept else self._abandon(held), "detach")
        await self._tasks.join(_WORK_SECONDS)
        await self._tasks.aclose()
        self._calls.leave()
        self._left()
        self._pod.gateways.discard(self)
        self._pod.count()

    def _left(self) -> None:
        if self._pod.sessions.get(self._session_id) is self:
            del self._pod.sessions[self._session_id]
            self._pod.count()

    async def _abandon(self, held: Held) -> None:
        """End a session that is not to outlive its socket."""
        await self._pod.agents.close_account(self._session_id, self._owner)
        await self._forget(held)
        self._notices.closed("lost")
        _log.info("logged out by the end of the socket", session=self._session_id)

    async def _detach(self, held: Held) -> None:
        # The agent first: a resume that begins after this attaches behind it, on the same connection.
        grace = self._pod.settings.resume_grace_seconds
        await self._pod.agents.detach(self._session_id, self._owner, grace)
        await self._pod.sweeper.surely(self._session_id, lambda: self._pod.sweeper.detach(held))
        self._notices.lost()
        _log.info("socket lost", session=self._session_id)

    # From the pod and the bus.

    def end(self, reason: ByeReason) -> None:
        """Say bye and close."""
        if reason == "replaced":
            self._held = None  # it is the other socket's
            self._left()
        self._core.end(reason)
        self._transmit()
        self._tasks.spawn(self._subject.leave(), "unsubscribe")

    async def catch_up(self) -> bool:
        """The bus was away, or this pod silent: attach again and learn what was missed. False: it is to be tried again.

        The agent may have taken the pod for dead and be counting the grace time.
        """
        if self._held is None or self._core.state is not SessionState.OPEN:
            return True
        error = await self._finish(self._compare(self._held), "catch-up")
        if error is not None and error.status in _NO_ACCOUNT:
            await self._on_bus(SessionEnded(session_id=self._session_id, reason="account closed"))
        return error is None or error.status not in _OUT_OF_REACH

    async def _compare(self, held: Held) -> None:
        if not await self._pod.directory.is_held(held):
            self.end("replaced")
            return
        asked_about = self._core.calls.at_the_agent()
        snapshot = await self._pod.agents.attach(self._session_id, self._owner)
        self._core.catch_up(asked_about, snapshot, self._loop.time())
        self._transmit()

    def cut(self) -> None:
        """Cut the transport; the session is detached as after any loss."""
        self._connection.abort()

    async def _on_bus(self, message: Message) -> Message | None:
        self._password.hear(message)
        match message:
            case IncomingMessage():
                return await self._deliver(message)
            case Command():
                with bound(session=self._session_id, call=getattr(message, "call_id", "")):
                    return await self._calls.serve(message)
            case AccountMoved():
                self._account_moved(message)
            case SessionEnded():
                if message.reason == "account closed" and self._held is not None:
                    held, self._held = self._held, None
                    self._tasks.spawn(self._forget(held), "forget")
                    self._notices.closed(message.reason)
                self.end(message.reason)
            case Event():
                self._core.hear(message, self._loop.time())
                self._transmit()
        return None

    async def _deliver(self, message: IncomingMessage) -> Done:
        await self._calls.until_open(message.expires_at)
        is_taken = self._core.deliver(message)
        self._transmit()
        if not is_taken or self._connection.is_closing:
            raise RemoteError(480, "Temporarily Unavailable")
        return Done()

    def _account_moved(self, to: AccountMoved) -> None:
        if to.epoch <= self._owner.epoch:
            return  # known from the records already
        _log.info("account has moved", session=self._session_id, old=self._owner.agent, new=to.agent)
        self._owner.agent, self._owner.epoch = to.agent, to.epoch
        if to.has_calls:
            self._spawn(self._learn_what_was_lost(), "catch up")
        if self._held is not None:
            self._spawn(self._note_owner(self._held), "note owner")

    async def _learn_what_was_lost(self) -> None:
        await self.catch_up()

    async def _note_owner(self, held: Held) -> None:
        async def note() -> None:
            noted = await self._pod.directory.note_owner(held, self._owner.agent, self._owner.epoch)
            if self._held is held and noted is not None:
                self._held = noted

        # Where this fails nothing is lost: the account's own record says the same.
        await self._finish(note(), "noting the owner")

    # From the core.

    def _transmit(self) -> None:
        """Carry out the core's outputs in their order, then re-arm its timer."""
        while some := self._core.take_output():
            for output in some:
                self._carry_out(output)
        self._arm()

    def _carry_out(self, output: outputs.Output) -> None:
        match output:
            case outputs.Send():
                self._send(output)
            case outputs.Close():
                metrics.CLOSED.labels(output.code).inc()
                self._connection.close(output.code, output.reason)
            case outputs.LogIn():
                self._spawn(self._log_in(output.request), "log in")
            case outputs.Resume():
                self._spawn(self._resume(output.request), "resume")
            case outputs.LogOut():
                self._spawn(self._log_out(output.re), "log out")
            case outputs.RenewIce():
                self._core.ice_renewed(ice_ok(output.re, self._pod.ice_servers.tell(self._session_id)))
            case work if isinstance(work, outputs.CallWork):
                self._spawn(self._calls.carry_out(work), type(work).__name__)
            case outputs.Told():
                self._notices.told(output.event)
            case fact:
                metrics.count(fact)

    def _send(self, frame: outputs.Send) -> None:
        metrics.MESSAGES.labels("out", frame.type).inc()
        if frame.status:
            metrics.ERRORS.labels(frame.status).inc()
        if not self._connection.send(frame.text):
            metrics.SLOW_READERS.inc()
            metrics.CLOSED.labels(POLICY_VIOLATION).inc()
            _log.warning("page does not read", session=self._session_id)
            self._connection.close(POLICY_VIOLATION, "too slow")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        with bound(session=self._session_id):
            self._tasks.spawn(work, name)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._core.next_timer()
        if due is not None:
            self._timer = self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._core.handle_timer(self._loop.time())
        self._transmit()

    async def _finish(self, work: Awaitable[None], what: str) -> RemoteError | None:
        """Return the error that `work` ends with; a bug of ours is logged and told as 500."""
        try:
            await work
        except RemoteError as error:
            _log.info(f"{what} failed", session=self._session_id, status=error.status, reason=error.reason)
            return error
        except Exception:  # the task boundary
            _log.exception(f"{what} failed", session=self._session_id)
            return RemoteError(500, "Server Internal Error")
        return None

    # Log-in, resume, log-out.

    async def _log_in(self, request: LoginRequest) -> None:
        error = await self._finish(self._enter(request), "log-in")
        metrics.LOGINS.labels("ok" if error is None else str(error.status)).inc()
        if error is not None:
            self._password.undecided()
            await self._finish(self._discard(), "clean-up")
            self._core.not_opened(request.id, error.status, error.reason)
            self._transmit()

    async def _enter(self, request: LoginRequest) -> None:
        session_id = new_id("s", os.urandom)
        identity = await self._notices.admit(session_id, request)
        self._password.begin(identity)
        self._session_id = session_id
        await self._subject.listen(session_id, self._on_bus)
        self._owner = await self._pod.agents.open_account(session_id, identity.sealed(self._pod.seal, session_id))
        self._held, token = await self._pod.directory.create(
            session_id, identity.aor, self._owner.agent, self._owner.epoch
        )
        reply = session_ok(request.id, self._held, token, self._pod.ice_servers.tell(session_id))
        if not self._core.opened(reply, self._loop.time()):
            raise RemoteError(487, "Request Terminated")
        self._joined()
        self._notices.opened(identity.aor)
        _log.info("logged in", session=session_id, agent=self._owner.agent)

    async def _discard(self) -> None:
        """Leave nothing of a session that its page never got."""
        await self._subject.leave()
        owner, self._owner = self._owner, Owner("", 0)
        held, self._held = self._held, None
        session_id = self._session_id
        if held is not None:
            await self._forget(held)
        elif owner.agent:
            await self._pod.sweeper.surely(session_id, lambda: self._pod.directory.forget_unseen(session_id))
        if owner.agent:
            await self._pod.agents.close_account(session_id, owner)

    async def _forget(self, held: Held) -> None:
        await self._pod.sweeper.surely(held.record.session_id, lambda: self._pod.directory.forget(held))

    def _joined(self) -> None:
        self._pod.sessions[self._session_id] = self
        self._pod.admission.log_in(self._connection.visit)
        self._pod.count()
        self._calls.opened(self._session_id, self._owner)
        self._transmit()

    async def _resume(self, request: ResumeRequest) -> None:
        error = await self._finish(self._take_over(request), "resume")
        metrics.RESUMES.labels("ok" if error is None else str(error.status)).inc()
        if error is not None:
            await self._subject.leave()
            self._held = None
            self._core.not_opened(request.id, error.status, error.reason)
            self._transmit()

    async def _take_over(self, request: ResumeRequest) -> None:
        before, after = await self._pod.directory.take(request.session, request.resume_token, request.next_token)
        older = self._pod.sessions.get(request.session)
        if older is not None:
            older.end("replaced")
        try:
            self._session_id = request.session
            await self._subject.take(request.session, self._on_bus)
            # Whoever took it between our write and our subscription could not tell us.
            if not await self._pod.directory.is_held(after):
                raise bad_resume_token()
            agent, epoch = await self._pod.directory.owner(request.session) or (after.record.agent, after.record.epoch)
            self._owner = Owner(agent, epoch)
            snapshot = await self._pod.agents.attach(request.session, self._owner)
            self._held = after
            reply = session_ok(request.id, after, request.next_token, self._pod.ice_servers.tell(request.session))
            if not self._core.resumed(reply, snapshot, self._loop.time()):
                await self._pod.agents.detach(request.session, self._owner, self._pod.settings.resume_grace_seconds)
                raise RemoteError(487, "Request Terminated")
        except RemoteError as error:
            if error.status in _NO_ACCOUNT:
                await self._forget(after)
                raise no_such_session() from error
            await self._pod.sweeper.give_back(before, after)
            raise
        self._joined()
        self._notices.resumed(self._session_id, after.record.aor, snapshot.calls)
        _log.info("resumed", session=self._session_id, calls=len(snapshot.calls), before=before.record.pod)

    async def _log_out(self, re: str) -> None:
        error = await self._finish(self._pod.agents.close_account(self._session_id, self._owner), "log-out")
        if error is None and self._held is not None:
            error = await self._finish(self._pod.directory.forget(self._held), "log-out")
        if error is None:
            self._held = None
            self._left()
            await self._subject.leave()
            self._core.logged_out(re)
            self._notices.closed("logged out")
            _log.info("logged out", session=self._session_id)
        else:
            self._core.not_logged_out(re, error.status, error.reason)
        self._transmit()
