"""What others hear of one socket's session, and who may say no to its page: the streams for other services, and the
operator's web server.

The pod that holds the socket asks and tells, for it alone knows what the page was told.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Literal

from shared.errors import RemoteError
from shared.messages import CallSnapshot, IncomingCall, stream

from ..api.auth import Identity
from ..core.agent_events import address, live_call
from ..core.errors import bad_request
from ..core.frames import EndedEvent, Event
from ..core.hooks.posts import Post, Question, Wording
from ..core.outputs import CallWork, HangUp, SendData, SendMessage
from ..core.requests import LoginRequest, SipCredentials
from ..core.sdp import has_video
from ..core.session import Session
from ..core.wcs.hooks import HookWording
from ..pod import Pod

ALLOCATION_SECONDS = 0.8  # of the time that an agent waits for its call to be taken: media is allocated afterwards


class Notices:
    """Of the session of `core`, once there is one."""

    __slots__ = ("_pod", "_core", "_words", "_session_id", "_account", "_turns")

    def __init__(self, pod: Pod, core: Session) -> None:
        self._pod = pod
        self._core = core
        self._words: Wording | None = None  # None: there is no web server, or no session yet
        self._session_id = self._account = ""
        self._turns: dict[str, asyncio.Lock] | None = None  # of calls: thousands of idle sockets have none

    def _begin(self, session_id: str) -> Wording | None:
        self._session_id = session_id
        is_there = self._pod.backend.is_there
        self._words = HookWording(self._pod.settings.pod, session_id, self._core.dialect) if is_there else None
        return self._words

    # -- the session

    async def admit(self, session_id: str, request: LoginRequest) -> Identity:
        """Return whose account it is to be, as the web server wants it; raise `RemoteError` if it lets nobody in."""
        words = self._begin(session_id)
        identity = await self._pod.authenticator.identify(request)
        given = None if identity is None else _credentials(identity)
        fields = {} if words is None else (await self._pod.backend.permit(words.connect(given))).fields
        if words is not None and (given is None or fields):
            account = words.account(given, fields)
            # An echo of what the page said is no word for whose account it is: only another name is.
            is_named = given is None or account.login != given.login
            return identity if account == given and identity else self._pod.authenticator.vouched(account, is_named)
        if identity is None:
            raise bad_request("`login` takes either `sip` or `jwt`")
        return identity

    def opened(self, account: str) -> None:
        """The page has logged in."""
        self._account = account
        self._tell_others(stream.ConnectionOpened)
        self._tell_of_connection(is_open=True)

    def resumed(self, session_id: str, account: str, calls: tuple[CallSnapshot, ...]) -> None:
        """The page goes on with a session."""
        words = self._begin(session_id)
        self._account = account
        if words is not None:
            words.resumed(tuple(live_call(call) for call in calls))
        self._tell_others(stream.ConnectionResumed)
        self._tell_of_connection(is_open=True)

    def lost(self) -> None:
        """The socket is gone, and waited for."""
        self._tell_others(stream.ConnectionLost)
        self._tell_of_connection(is_open=False)

    def closed(self, reason: Literal["logged out", "lost", "account closed"]) -> None:
        """The session is over."""
        self._tell_others(stream.ConnectionClosed, reason=reason)
        self._tell_of_connection(is_open=False)

    def _tell_others(self, kind: type[stream.OfSession], **fields: str) -> None:
        self._pod.publisher.tell_now(kind, session_id=self._session_id, account=self._account, **fields)

    def _tell_of_connection(self, is_open: bool) -> None:
        if self._words is not None:
            self._tell(self._words.connection(self._account, is_open))

    # -- its calls

    @contextlib.asynccontextmanager
    async def in_turn(self, work: CallWork) -> AsyncIterator[None]:
        """Let the block do what the page asks for once that is allowed, in the page's order for each call."""
        words = self._words
        if words is None and isinstance(work, SendData):
            raise RemoteError(501, "There Is No Backend")
        if words is None or not isinstance(work, Question):
            if words is not None and isinstance(work, HangUp):
                self._tell(words.hang_up(work))
            yield
            return
        call = "" if isinstance(work, SendMessage | SendData) else work.call_id
        if self._turns is None:
            self._turns = {}
        async with self._turns.setdefault(call, asyncio.Lock()):
            await self._pod.backend.permit(words.ask(work))
            yield

    def failed(self, call_id: str, error: RemoteError) -> None:
        """A call came to nothing before the page, or its far side, has heard of it."""
        self._forget_turn(call_id)
        if self._words is not None:
            self._tell(self._words.failed(call_id, error.status, error.reason))

    @contextlib.asynccontextmanager
    async def offered(self, call: IncomingCall) -> AsyncIterator[None]:
        """Let the block show a call that comes in; if it does not, the web server hears so."""
        try:
            yield
        except RemoteError as error:
            self.failed(call.call_id, error)
            raise

    async def admit_call(self, call: IncomingCall) -> None:
        """Raise `RemoteError` if the web server does not want the page to be called."""
        if self._words is not None:
            caller, callee = address(call.caller), address(call.callee)
            post = self._words.incoming(call.call_id, caller, call.caller_name, callee, has_video(call.sip_sdp))
            await self._pod.backend.permit(post, call.expires_at - time.time() - ALLOCATION_SECONDS)

    def told(self, event: Event) -> None:
        """The page was told an event."""
        if self._words is not None:
            self._tell(self._words.told(event))
            if isinstance(event, EndedEvent):
                self._forget_turn(event.call)

    def _forget_turn(self, call_id: str) -> None:
        if self._turns is not None:
            self._turns.pop(call_id, None)

    def _tell(self, post: Post | None) -> None:
        if post is not None:
            self._pod.backend.tell(self._session_id, post)


def _credentials(identity: Identity) -> SipCredentials:
    account = identity.account
    return SipCredentials(
        login=identity.login,
        password=identity.password,
        domain=identity.domain,
        auth_name=account.auth_name,
        outbound_proxy=account.outbound_proxy,
        port=account.port,
        transport=account.transport,
        register=account.register,
        display_name=account.display_name,
    )
