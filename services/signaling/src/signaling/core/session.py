"""One socket's session as its page may see it: log in or resume first, then calls, then log out.

The machine of `docs/web-protocol.md`. After any call, carry out the outputs in their order, then re-arm one timer.
"""

from collections.abc import Callable
from enum import Enum
from typing import Literal

from shared.messages import Event, IncomingCall, IncomingMessage, MessageSent, ReanchorMedia, RegistrationChanged
from shared.messages import SessionSnapshot as Snapshot

from .agent_events import message_frame
from .call import AgentEvent
from .call import Input as CallInput
from .calls import Calls
from .dialect import Dialect
from .errors import PageError, bad_request
from .frames import (
    ByeEvent,
    IceOk,
    MessageSentEvent,
    Registration,
    RegistrationEvent,
    RenewOk,
    ResumeOk,
    SessionOk,
    type_of,
)
from .limits import ERRORS_IN_A_ROW, MESSAGES_PER_SECOND, ErrorRun, TokenBucket
from .outbox import Outbox
from .outputs import Close, Dropped, LogIn, LogOut, Output, Received, RenewIce, Resume, SendData
from .requests import (
    AnswerRequest,
    AnyRequest,
    CallRequest,
    CallUse,
    DataRequest,
    HangupRequest,
    IceRequest,
    LoginRequest,
    LogoutRequest,
    MessageRequest,
    PingRequest,
    RenewRequest,
    ResumeRequest,
    readable_id,
)
from .wcs import Wcs, is_wcs

NORMAL, GOING_AWAY, UNSUPPORTED_DATA, POLICY_VIOLATION, SERVICE_RESTART = 1000, 1001, 1003, 1008, 1012
ByeReason = Literal["replaced", "account closed", "draining"]
_BYE_CODES = {"replaced": NORMAL, "account closed": NORMAL, "draining": SERVICE_RESTART}


class SessionState(Enum):
    """How far the socket is; the value tells a page why its request does not fit."""

    GREETING = "Log In First"
    OPENING = "Log-in Is Under Way"
    OPEN = "Logged In Already"
    CLOSING = "Log-out Is Under Way"
    CLOSED = "Closed"


class Input(Enum):
    """What may happen to a session."""

    GREET = "login or resume"
    USE = "any other request but logout"
    LEAVE = "logout"
    OPENED = "the account is there"
    FAILED = "what was under way failed"
    LEFT = "the account is closed"
    LATE = "the time to log in is over"
    END = "the pod ends it"
    LOST = "the socket is gone"


class Action(Enum):
    """What is to be done about it."""

    ENTER = "open or resume a session"
    SERVE = "carry the request out"
    EXIT = "close the account"
    WELCOME = "reply with the session"
    REJECT = "reply with the error"
    SEE_OUT = "reply ok and close"
    TURN_AWAY = "close without a word"
    SAY_BYE = "tell why, and close"
    FORGET = "nobody is there to be told"


_St, _In, _Do = SessionState, Input, Action

TABLE: dict[tuple[SessionState, Input], tuple[Action, SessionState]] = {
    (_St.GREETING, _In.GREET): (_Do.ENTER, _St.OPENING),
    (_St.GREETING, _In.LATE): (_Do.TURN_AWAY, _St.CLOSED),
    (_St.OPENING, _In.OPENED): (_Do.WELCOME, _St.OPEN),
    (_St.OPENING, _In.FAILED): (_Do.REJECT, _St.GREETING),
    (_St.OPEN, _In.USE): (_Do.SERVE, _St.OPEN),
    (_St.OPEN, _In.LEAVE): (_Do.EXIT, _St.CLOSING),
    (_St.CLOSING, _In.LEFT): (_Do.SEE_OUT, _St.CLOSED),
    (_St.CLOSING, _In.FAILED): (_Do.REJECT, _St.OPEN),
    **{(state, _In.END): (_Do.SAY_BYE, _St.CLOSED) for state in (_St.GREETING, _St.OPENING, _St.OPEN, _St.CLOSING)},
    **{(state, _In.LOST): (_Do.FORGET, _St.CLOSED) for state in (_St.GREETING, _St.OPENING, _St.OPEN, _St.CLOSING)},
}

_INPUTS: dict[type[AnyRequest], Input] = {
    LoginRequest: Input.GREET,
    ResumeRequest: Input.GREET,
    LogoutRequest: Input.LEAVE,
}


class Session:
    """The core of one socket. `receive`, `hear` and `handle_timer` feed it, the verbs below bring results.

    `new_token` returns what nobody can guess, for dialects whose pages make no tokens.
    """

    def __init__(self, now: float, login_seconds: float, new_token: Callable[[], str]) -> None:
        self._outbox = Outbox()
        self._new_token = new_token
        self._calls = Calls(self._outbox)
        self._state = SessionState.GREETING
        self._deadline = now + login_seconds
        self._bucket = TokenBucket(MESSAGES_PER_SECOND, MESSAGES_PER_SECOND, now)
        self._errors = ErrorRun(ERRORS_IN_A_ROW)
        self._held_back: list[Event] = []
        self._registration: tuple[str, int, str] | None = None  # as the page was told last

    @property
    def state(self) -> SessionState:
        """How far the socket is."""
        return self._state

    @property
    def calls(self) -> Calls:
        """The calls of this socket."""
        return self._calls

    def take_output(self) -> list[Output]:
        """Return what the shell is to do now."""
        for request in self._outbox.take_hangups():
            self._calls.hang_up(request)
        return self._outbox.take()

    @property
    def dialect(self) -> Dialect:
        """The language of the page, which its first text tells."""
        return self._outbox.dialect

    @property
    def is_kept(self) -> bool:
        """Whether the session is to outlive its socket."""
        return self._outbox.dialect.is_kept

    def next_timer(self) -> float | None:
        """Return when `handle_timer` is due."""
        return self._deadline if self._state is SessionState.GREETING else None

    def handle_timer(self, now: float) -> None:
        """Turn away a page that has not logged in."""
        if self._state is SessionState.GREETING and now >= self._deadline:
            self._handle(Input.LATE)
            self._outbox.put(Close(POLICY_VIOLATION, "no login in time"))

    def _handle(self, what: Input) -> Action | None:
        row = TABLE.get((self._state, what))
        if row is None:
            return None
        action, self._state = row
        return action

    # From the page.

    def receive(self, text: str | None, now: float) -> None:
        """Take a frame; None stands for one that is not text."""
        if self._state is SessionState.CLOSED:
            return
        if text is None:
            self._shut(UNSUPPORTED_DATA, "only text frames")
            return
        if not self._bucket.take(now):
            self._shut(POLICY_VIOLATION, f"more than {MESSAGES_PER_SECOND} messages a second")
            return
        if self._state is SessionState.GREETING and is_wcs(text):
            self._outbox.dialect = Wcs(self._new_token)
        try:
            read = self._outbox.dialect.read(text)
        except PageError as error:
            self._outbox.put(Received("malformed"))
            self._blame(readable_id(text), error)
            return
        self._outbox.say(read.texts)
        for request in read.requests:
            self._receive(request, now)

    def _receive(self, request: AnyRequest, now: float) -> None:
        self._outbox.put(Received(type_of(request)))
        try:
            self._serve(request, now)
        except PageError as error:
            self._blame(request.id, error)

    def _serve(self, request: AnyRequest, now: float) -> None:
        state = self._state
        if self._handle(_INPUTS.get(type(request), Input.USE)) is None:
            raise bad_request(state.value)
        match request:
            case LoginRequest():
                self._outbox.put(LogIn(request))
                return
            case ResumeRequest():
                self._outbox.put(Resume(request))
                return
            case LogoutRequest():
                self._outbox.put(LogOut(request.id))
            case PingRequest():
                self._outbox.ok(request.id)
            case DataRequest():
                self._outbox.put(SendData(request))
            case IceRequest():
                self._outbox.put(RenewIce(request.id))
            case MessageRequest():
                self._calls.send_message(request)
            case _:
                self._serve_call(request, now)
        self._errors.good()

    def _serve_call(
        self, request: CallRequest | AnswerRequest | RenewRequest | HangupRequest | CallUse, now: float
    ) -> None:
        match request:
            case CallRequest():
                self._calls.place(request, now)
            case AnswerRequest():
                self._calls.answer(request)
            case RenewRequest():
                self._calls.renew(request)
            case HangupRequest():
                self._calls.hang_up(request)
            case _:
                self._calls.use(request)

    def _blame(self, re: str | None, error: PageError) -> None:
        self._outbox.error(re, error.status, error.reason)
        if self._errors.bad():
            self._shut(POLICY_VIOLATION, f"{ERRORS_IN_A_ROW} errors in a row")

    def _shut(self, code: int, reason: str) -> None:
        self._handle(Input.LOST)
        self._outbox.put(Close(code, reason))

    # Results of what the shell was asked for.

    def opened(self, reply: SessionOk, now: float) -> bool:
        """The account is open; False if nobody waits for it any more."""
        return self._welcome(reply, now)

    def resumed(self, reply: SessionOk, snapshot: Snapshot, now: float) -> bool:
        """The session is this socket's now; False if nobody waits for it any more."""
        if self._state is not SessionState.OPENING:
            return False
        self._registration = (snapshot.registration, snapshot.status, snapshot.reason)
        full = ResumeOk(
            re=reply.re,
            session=reply.session,
            resume_token=reply.resume_token,
            aor=reply.aor,
            domain=reply.domain,
            ice_servers=reply.ice_servers,
            ice_seconds=reply.ice_seconds,
            registration=Registration(state=snapshot.registration, status=snapshot.status, reason=snapshot.reason),
            calls=self._calls.take_over(snapshot.calls, now),
        )
        return self._welcome(full, now)

    def _welcome(self, reply: SessionOk, now: float) -> bool:
        if self._handle(Input.OPENED) is None:
            return False
        self._errors.good()
        self._outbox.reply(reply)
        held_back, self._held_back = self._held_back, []
        for event in held_back:
            self.hear(event, now)
        return True

    def not_opened(self, re: str, status: int, reason: str) -> None:
        """A log-in or resume failed. It may be tried again, but not without end."""
        self._held_back.clear()
        if self._handle(Input.FAILED) is not None:
            self._blame(re, PageError(status, reason))

    def logged_out(self, re: str) -> None:
        """The account is closed."""
        if self._handle(Input.LEFT) is not None:
            self._outbox.ok(re)
            self._outbox.put(Close(NORMAL, "logged out"))

    def not_logged_out(self, re: str, status: int, reason: str) -> None:
        """The account could not be closed: the page may try again."""
        if self._handle(Input.FAILED) is not None:
            self._outbox.error(re, status, reason)

    def forwarded(self, re: str | None) -> None:
        """The agent has what the page asked for."""
        if re is not None:
            self._outbox.ok(re)

    def ice_renewed(self, reply: IceOk) -> None:
        """There are new credentials."""
        self._outbox.reply(reply)

    def renewal_offered(self, re: str, sdp: str) -> None:
        """The relay expects the page by another connection."""
        self._outbox.reply(RenewOk(re=re, sdp=sdp))

    def refused(self, re: str, status: int, reason: str) -> None:
        """The agent does not do what the page asked for: nothing has changed."""
        self._outbox.error(re, status, reason)

    def answer_refused(self, re: str, call_id: str, status: int, reason: str, now: float) -> None:
        """The agent does not take the answer."""
        self._calls.not_forwarded(re, call_id, CallInput.ANSWER, status, reason, now)

    def hangup_refused(self, re: str | None, call_id: str, status: int, reason: str, now: float) -> None:
        """The agent does not take the hang-up."""
        self._calls.not_forwarded(re, call_id, CallInput.HANGUP, status, reason, now)

    def media_allocated(self, call_id: str, now: float) -> bool:
        """Return whether the call is still wanted."""
        return self._state is SessionState.OPEN and self._calls.media_allocated(call_id, now)

    # From the agent.

    def hear(self, event: Event, now: float) -> None:
        """Pass an event on to the page."""
        if self._state is SessionState.OPENING:
            self._held_back.append(event)
            return
        if isinstance(event, AgentEvent):
            self._calls.hear(event, now)
            return
        match event:
            case MessageSent(message_id=message, status=status, reason=reason):
                self._outbox.event(lambda seq: MessageSentEvent(seq=seq, message=message, status=status, reason=reason))
            case RegistrationChanged():
                self._registration = (event.state, event.status, event.reason)
                state, status, reason, expires = event.state, event.status, event.reason, event.expires
                self._outbox.event(
                    lambda seq: RegistrationEvent(seq=seq, state=state, status=status, reason=reason, expires=expires)
                )
            case _:
                self._outbox.put(Dropped(type(event).__name__))

    def catch_up(self, asked_about: frozenset[str], snapshot: Snapshot, now: float) -> None:
        """Events may have been missed: this is how everything stood when the agent was asked."""
        if self._state is not SessionState.OPEN:
            return
        if self._registration != (snapshot.registration, snapshot.status, snapshot.reason):
            state, status, reason = snapshot.registration, snapshot.status, snapshot.reason
            self.hear(RegistrationChanged(session_id="", state=state, status=status, reason=reason), now)
        self._calls.catch_up(asked_about, snapshot.calls, now)

    def offer(self, call_id: str, now: float) -> None:
        """A call comes in; raise what the caller is to be told if it cannot be shown."""
        if self._state is not SessionState.OPEN:
            raise PageError(480, "Temporarily Unavailable")
        self._calls.offer(call_id, now)

    def show(self, incoming: IncomingCall, browser_sdp: str) -> bool:
        """Tell the page of a call whose media is ready; False if there is no page or no call any more."""
        return self._state is SessionState.OPEN and self._calls.show(incoming, browser_sdp)

    def reanchor(self, command: ReanchorMedia) -> None:
        """Offer the page another connection for a call; raise what the agent is to be told if that cannot be."""
        if self._state is not SessionState.OPEN:
            raise PageError(480, "Temporarily Unavailable")
        self._calls.reanchor(command.call_id, command.browser_sdp)

    def deliver(self, message: IncomingMessage) -> bool:
        """Give the page an instant message; False if there is no page any more."""
        if self._state is not SessionState.OPEN:
            return False
        self._outbox.event(lambda seq: message_frame(message, seq))
        return True

    # The end.

    def end(self, reason: ByeReason) -> None:
        """The pod ends the socket."""
        if self._handle(Input.END) is not None:
            self._outbox.event(lambda seq: ByeEvent(seq=seq, reason=reason))
            self._outbox.put(Close(_BYE_CODES[reason], reason))

    def lost(self) -> None:
        """The socket is gone."""
        self._handle(Input.LOST)
