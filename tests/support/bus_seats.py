"""The seats of other services on the bus, for tests of one service: a relay that only notes, a browser's session."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AccountOpened,
    AdoptMedia,
    AllocateMedia,
    AnswerCall,
    AnswerMedia,
    CallEnded,
    CloseAccount,
    Command,
    Done,
    EndSound,
    HangupCall,
    Heartbeat,
    HoldCall,
    IncomingAccepted,
    IncomingCall,
    IncomingMessage,
    MediaAllocated,
    MediaRef,
    MediaSdp,
    Message,
    MessageSent,
    OfferMedia,
    OpenAccount,
    Probe,
    ReanchorMedia,
    RebuildMedia,
    RegistrationChanged,
    ReleaseMedia,
    RequestKeyframe,
    RequestOffer,
    SendDigits,
    SendDtmf,
    SendMessage,
    SendSound,
    SipAccount,
    StartCall,
    TransferCall,
)
from shared.messages.call import DtmfMethod
from shared.presence import beat
from shared.sealing import Seal
from shared.subjects import agent_commands, relay_commands, session_events
from shared.tasks import Tasks

from .arrivals import Arrivals

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
RELAY = "relay-1"

E = TypeVar("E", bound=Message)
_numbers = itertools.count(1)


def sdp(port: int) -> str:
    """A session description that can be told from another by its port."""
    return OFFER.format(port=port)


def command_id() -> str:
    """A new id for a command."""
    return f"id-{next(_numbers)}"


class RelaySeat:
    """Answers every description, and notes what it was asked. `refuse` makes it refuse the next questions."""

    def __init__(self, name: str = RELAY) -> None:
        self.name = name
        self.commands: list[Command] = []
        self.refuse: RemoteError | None = None
        self.browser_sdp = "browser sdp for "  # before the SIP side's; empty: there is no browser
        self.refuse_sounds: RemoteError | None = None
        self.refuse_allocation: RemoteError | None = None
        self.is_held = False  # what it finds in descriptions of the SIP side
        self._expects_offer: set[str] = set()  # sessions that another relay had, and whose SIP side has no offer yet
        self._offers: asyncio.Queue[OfferMedia] = asyncio.Queue()
        self.takes_events = False  # whether the SIP side does
        self._digits: asyncio.Queue[SendDigits] = asyncio.Queue()
        self._keyframes: asyncio.Queue[RequestKeyframe] = asyncio.Queue()

    @property
    def released(self) -> list[str]:
        """The media sessions that were given back."""
        return [one.media_id for one in self.commands if isinstance(one, ReleaseMedia)]

    async def offered(self) -> OfferMedia:
        """Return the next later offer, waiting for it."""
        async with asyncio.timeout(10):
            return await self._offers.get()

    async def keyframe_requested(self) -> RequestKeyframe:
        """Return the next request for a whole picture, waiting for it."""
        async with asyncio.timeout(10):
            return await self._keyframes.get()

    async def digits_wanted(self) -> SendDigits:
        """Return the next digits that are to be sent in the media, waiting for them."""
        async with asyncio.timeout(10):
            return await self._digits.get()

    async def sit(self, bus: Bus) -> None:
        """Serve the relay's subject."""
        self._subscription = await bus.serve(relay_commands(self.name), self._handle)

    async def leave(self, bus: Bus) -> None:
        """Be gone; return once the server knows."""
        await self._subscription.unsubscribe()
        await bus.settle()

    async def _handle(self, message: Message) -> Message | None:
        if isinstance(message, Command):
            self.commands.append(message)
        if isinstance(message, ReleaseMedia | AdoptMedia | Probe):
            return Done()
        if self.refuse is not None:
            raise self.refuse
        return self._describe(message) or self._do(message)

    def _describe(self, message: Message) -> Message | None:
        match message:
            case AllocateMedia(is_headless=True):
                return self._do_without_a_browser(message)
            case AllocateMedia() | RebuildMedia():
                media = MediaRef(relay=self.name, media_id=message.media_id)
                if isinstance(message, RebuildMedia):
                    self._expects_offer.add(message.media_id)
                offer = None if message.is_headless else f"offer of {self.name}"
                return MediaAllocated(media=media, browser_sdp=offer)
            case AnswerMedia(side="sip", media_id=media_id) if media_id in self._expects_offer:
                raise RemoteError(400, "That Side Has No Offer")
            case AnswerMedia():
                for_browser = self.browser_sdp and self.browser_sdp + message.sdp
                answer = sdp(20000) if message.side == "browser" else for_browser
                return MediaSdp(sdp=answer, is_held=self.is_held)
            case OfferMedia():
                self._expects_offer.discard(message.media_id)
                self._offers.put_nowait(message)
                return MediaSdp(sdp=sdp(20002), is_held=self.is_held)
            case RequestOffer():
                self._expects_offer.discard(message.media_id)
                return MediaSdp(sdp=sdp(20004) + f"a={message.direction}\r\n")
        return None

    def _do_without_a_browser(self, message: Message) -> Message | None:
        refusal = self.refuse_allocation if isinstance(message, AllocateMedia) else self.refuse_sounds
        if refusal is not None:
            raise refusal
        if isinstance(message, AllocateMedia):
            return MediaAllocated(media=MediaRef(relay=self.name, media_id=message.media_id), sip_sdp=sdp(20006))
        return Done() if isinstance(message, SendSound | EndSound) else None

    def _do(self, message: Message) -> Message | None:
        match message:
            case RequestKeyframe():
                self._keyframes.put_nowait(message)
            case SendDigits():
                if not self.takes_events:
                    raise RemoteError(501, "The Far Side Takes No Telephone Events")
                self._digits.put_nowait(message)
            case _:
                return self._do_without_a_browser(message)
        return Done()


class SessionSeat:
    """A login: the pod of its socket and its page in one. Events are kept; `expect` waits for the next of a kind."""

    def __init__(self, bus: Bus, agent: str, session_id: str, account: SipAccount) -> None:
        self.bus = bus
        self.agent = agent
        self.session_id = session_id
        self.account = account
        self.relay = RELAY  # where it says that its media is
        self._arrivals: Arrivals[Message] = Arrivals()
        self.refuse: RemoteError | None = None
        self.reanchor_status = 0  # with which another connection is refused
        self.reads_for = 0.0  # seconds, each message
        self.may_take = asyncio.Event()  # until then a call that comes in is not taken
        self.may_take.set()

    @property
    def events(self) -> list[Message]:
        """All that it was told."""
        return self._arrivals.all

    async def sit(self) -> None:
        """Serve the session's subject, as the pod with the socket does."""
        self._subscription = await self.bus.serve(session_events(self.session_id), self._handle)

    async def leave(self) -> None:
        """The socket is gone."""
        # A request is answered after what was sent before it: then the server knows.
        await self._subscription.unsubscribe()
        await self.bus.jetstream().account_info()

    async def open(self, pod: str = "signaling-1") -> AccountOpened:
        """Log in."""
        return await self.ask(
            OpenAccount(
                id=command_id(), expires_at=expiry(), session_id=self.session_id, pod=pod, account=self.account
            ),
            AccountOpened,
        )

    async def ask(self, command: Command, reply: type[E]) -> E:
        """Send the agent a command."""
        return await self.bus.request(agent_commands(self.agent), command, reply)

    async def _handle(self, message: Message) -> Message | None:
        await self._arrivals.add(message)
        if isinstance(message, IncomingCall):
            await self.may_take.wait()
            if self.refuse is not None:
                raise self.refuse
            media = MediaRef(relay=self.relay, media_id=f"media of {self.session_id}")
            return IncomingAccepted(media=media, browser_sdp="offer for the browser")
        if isinstance(message, ReanchorMedia):
            if self.reanchor_status:
                raise RemoteError(self.reanchor_status, "Not Now")
            return Done()
        if isinstance(message, IncomingMessage):
            if self.refuse is not None:
                raise self.refuse
            await asyncio.sleep(self.reads_for)
            return Done()
        return None

    async def expect(self, kind: type[E], such: Callable[[E], bool] = lambda _: True, within: float = 10.0) -> E:
        """Return the first event of a kind that was not returned before, waiting for it."""
        return await self._arrivals.first_of(kind, such, within)

    async def registration(self, state: str) -> RegistrationChanged:
        """Wait for a state of the registration."""
        return await self.expect(RegistrationChanged, lambda event: event.state == state)

    async def call(self, callee: str, call_id: str, port: int = 10000, **headers: str) -> None:
        """Start a call."""
        media = MediaRef(relay=self.relay, media_id=f"media of {self.session_id}")
        command = StartCall(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=call_id,
            callee=callee,
            media=media,
            sip_sdp=sdp(port),
            headers=headers,
        )
        await self.ask(command, Done)

    async def answer(self, call_id: str) -> None:
        """Answer a call."""
        command = AnswerCall(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=call_id,
            browser_sdp="answer of the browser",
        )
        await self.ask(command, Done)

    async def hang_up(self, call_id: str, status: int = 0, reason: str = "") -> None:
        """End a call."""
        command = HangupCall(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=call_id,
            status=status,
            reason=reason,
        )
        await self.ask(command, Done)

    async def transfer(self, call_id: str, target: str = "", other_call_id: str = "") -> None:
        """Let the far side of a call make another one."""
        command = TransferCall(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=call_id,
            target=target,
            other_call_id=other_call_id,
        )
        await self.ask(command, Done)

    async def hold(self, call_id: str, is_held: bool = True) -> None:
        """Hold a call, or take it back."""
        command = HoldCall(
            id=command_id(), expires_at=expiry(), session_id=self.session_id, call_id=call_id, is_held=is_held
        )
        await self.ask(command, Done)

    async def send_dtmf(self, call_id: str, digits: str, duration_ms: int = 100, method: DtmfMethod = "auto") -> None:
        """Send digits."""
        command = SendDtmf(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=call_id,
            digits=digits,
            duration_ms=duration_ms,
            method=method,
        )
        await self.ask(command, Done)

    async def send_message(self, to: str, message_id: str, body: str = "Hello", call_id: str = "") -> None:
        """Send an instant message."""
        command = SendMessage(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            message_id=message_id,
            to=to,
            body=body,
            call_id=call_id,
        )
        await self.ask(command, Done)

    async def sent(self, message_id: str) -> int:
        """Wait for the answer to an instant message; return its status."""
        return (await self.expect(MessageSent, lambda event: event.message_id == message_id)).status

    async def log_out(self) -> None:
        """Close the account."""
        await self.ask(CloseAccount(id=command_id(), expires_at=expiry(), session_id=self.session_id), Done)

    async def ended(self, call_id: str | None = None) -> CallEnded:
        """Wait for the end of a call."""
        return await self.expect(CallEnded, lambda event: call_id in (None, event.call_id))


def account(secret: str, session_id: str, login: str, password: str, domain: str) -> SipAccount:
    """An account of a domain, its password sealed as signaling seals it."""
    return SipAccount(login=login, domain=domain, sealed_password=Seal(secret).seal(password, session_id))


def pretend_signaling(bus: Bus, tasks: Tasks, pod: str = "signaling-1") -> asyncio.Task[None]:
    """Let a signaling pod be heard."""
    state = Heartbeat(kind="signaling", pod=pod, load=0, capacity=100)
    return tasks.spawn(beat(bus, lambda: state), f"heartbeat of {pod}")


async def eventually(holds: Callable[[], bool], within: float = 10.0) -> None:
    """Wait until something holds that tells of no event."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def eventually_empty(names: Callable[[], Awaitable[list[str]]], within: float = 10.0) -> None:
    """Wait until a bucket has no record."""
    async with asyncio.timeout(within):
        while await names():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def eventually_allowed(attempt: Callable[[], Awaitable[None]], within: float = 10.0) -> None:
    """Try until it is not refused with 403 any more."""
    async with asyncio.timeout(within):
        while True:
            try:
                await attempt()
            except RemoteError as error:
                if error.status != 403:
                    raise
                await asyncio.sleep(0.02)
            else:
                return
