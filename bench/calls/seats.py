"""The rest of Cordboard as the agent under load sees it: the pod of many sessions, and a relay. A process of its own.

Every call is accepted and answered at once. `python -m bench.calls.seats NATS_URL AGENT SECRET SESSIONS PROXY REGISTER`
(REGISTER empty: no) prints `ready` with the sessions' ids and ends with its input.
"""

import asyncio
import functools
import itertools
import json
import sys

import uvloop

from shared.bus import Bus, expiry
from shared.messages import (
    AccountOpened,
    AnswerCall,
    AnswerMedia,
    Command,
    Done,
    Heartbeat,
    IncomingAccepted,
    IncomingCall,
    MediaRef,
    MediaSdp,
    Message,
    OpenAccount,
    RegistrationChanged,
    ReleaseMedia,
    SipAccount,
)
from shared.presence import beat
from shared.sealing import Seal
from shared.settings import CommonSettings
from shared.subjects import agent_commands, relay_commands, session_events
from shared.tasks import Tasks

OPENING_AT_ONCE = 50
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"
_numbers = itertools.count(1)


def _command_id() -> str:
    return f"bench-{next(_numbers)}"


class Seats:
    """The sessions' pod and the relay."""

    def __init__(self, bus: Bus, agent: str, secret: str) -> None:
        self._bus = bus
        self._agent = agent
        self._relay_name, self._pod = f"relay-{agent}", f"signaling-{agent}"  # other agents have seats of their own
        self._seal = Seal(secret)
        self._tasks = Tasks("seats")
        self.registered: set[str] = set()
        self.all_registered = asyncio.Event()
        self.expected = 0

    async def sit(self) -> None:
        """Serve the relay's subject and let both be heard."""
        await self._bus.serve(relay_commands(self._relay_name), self._relay)
        for kind, pod in (("relay", self._relay_name), ("signaling", self._pod)):
            state = Heartbeat(kind=kind, pod=pod, load=0, capacity=100)  # type: ignore[arg-type]
            self._tasks.spawn(beat(self._bus, functools.partial(_same, state)), f"heartbeat of {pod}")

    async def open(self, number: int, proxy: str, is_registered: bool) -> str:
        """Open a session's account, whose requests go to host:port `proxy`; return the session's id."""
        session_id = f"s-{self._agent}-{number}"
        await self._bus.serve(session_events(session_id), self._session)
        account = SipAccount(
            login=f"user{number}",
            domain="sip.test",
            outbound_proxy=proxy,
            sealed_password=self._seal.seal(f"user{number}pw", session_id),
            register_required=is_registered,
        )
        command = OpenAccount(
            id=_command_id(), expires_at=expiry(), session_id=session_id, pod=self._pod, account=account
        )
        await self._bus.request(agent_commands(self._agent), command, AccountOpened, deadline=30.0)
        return session_id

    async def _relay(self, message: Message) -> Message | None:
        if isinstance(message, AnswerMedia):
            return MediaSdp(sdp=SDP)
        return Done() if isinstance(message, ReleaseMedia) else None

    async def _session(self, message: Message) -> Message | None:
        if isinstance(message, RegistrationChanged) and message.state == "registered":
            self.registered.add(message.session_id)
            if len(self.registered) == self.expected:
                self.all_registered.set()
        if not isinstance(message, IncomingCall):
            return None
        self._tasks.spawn(self._answer(message), f"answer {message.call_id}")
        return IncomingAccepted(
            media=MediaRef(relay=self._relay_name, media_id=f"m-{message.call_id}"), browser_sdp=SDP
        )

    async def _answer(self, call: IncomingCall) -> None:
        command: Command = AnswerCall(
            id=_command_id(),
            expires_at=expiry(),
            session_id=call.session_id,
            call_id=call.call_id,
            browser_sdp=SDP,
        )
        await self._bus.request(agent_commands(self._agent), command, Done, deadline=10.0)


def _same(state: Heartbeat) -> Heartbeat:
    return state


async def main(nats_url: str, agent: str, secret: str, sessions: str, proxy: str, register: str) -> None:
    """Sit until the input ends."""
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod=f"seats-{agent}"))
    seats = Seats(bus, agent, secret)
    seats.expected = int(sessions)
    await seats.sit()
    ids: list[str] = []
    for first in range(0, int(sessions), OPENING_AT_ONCE):
        some = range(first, min(first + OPENING_AT_ONCE, int(sessions)))
        ids += await asyncio.gather(*(seats.open(number, proxy, bool(register)) for number in some))
    if register:
        await seats.all_registered.wait()
    print("ready", json.dumps(ids), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
