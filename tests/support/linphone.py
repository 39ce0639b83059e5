"""A real linphone as a scripted SIP phone: linphone-daemon, whose microphone and loudspeaker are RTP of the test."""

import asyncio
import contextlib
import itertools
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .far_side import FarSide
from .g711 import RATE, decode
from .processes import START_SECONDS, Process, free_port_pairs, free_ports, program, running
from .sip_phone import RtpSocket
from .tone import Tone, best_tone

EVENT_SECONDS = 20.0
SILENCE_SECONDS = 0.6
RTP_PORTS = 20
SSRC = 0x11990E
_RTP_HEADER = 12
_SSRC = slice(8, 12)
_WINDOW = 1600  # a fifth of a second
_POLL_SECONDS = 0.05  # the daemon keeps its events until they are asked for
# rtp_io: sound comes from and goes to a UDP port, as PCMU, in place of a sound card; it works only in calls that have
# PCMU themselves, so that is the only codec. (Measured: where a re-INVITE leaves it out, linphone has no sound at all.)
# hold_music: it dies where it is to play a file to a held call beside rtp_io; this is no file.
_CONFIG = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=-2
default_proxy=0
use_ipv6=0
media_encryption=none
use_info={by_info}
use_rfc2833={by_rtp}
[net]
firewall_policy=0
[rtp]
audio_rtp_port={rtp}-{rtp_last}
audio_jitt_comp=20
[sound]
rtp_io=1
rtp_map=pcmu/8000/1
rtp_local_port={microphone}
rtp_remote_port={loudspeaker}
hold_music=none
[video]
enabled=0
[auth_info_0]
username={user}
passwd={password}
realm={domain}
[proxy_0]
reg_proxy=<sip:127.0.0.1:{proxy};transport={transport}>
reg_route=<sip:127.0.0.1:{proxy};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=60
reg_sendregister=1
publish=0
"""


@dataclass(frozen=True)
class Event:
    """What happened: `call-state-changed`, `message-received` and the like, and its fields."""

    kind: str
    fields: dict[str, str]


class Linphone:
    """One phone with one account, driven through its socket, of which it takes but one connection."""

    def __init__(
        self,
        process: Process,
        frequency: int,
        microphones: Sequence[int],
        loudspeaker: RtpSocket,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self.frequency = frequency
        self._microphones = itertools.cycle(microphones)
        self._loudspeaker = loudspeaker
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()
        self._call = 0

    async def command(self, line: str) -> dict[str, str]:
        """Run one command and return the fields of its answer."""
        answer = await self._ask(line)
        assert answer.startswith("Status: Ok"), f"linphone refused {line}: {answer}\n{self.process.tail()}"
        return _fields(answer)

    async def dial(self, uri: str) -> None:
        """Call `uri`; hold a call that is under way before."""
        await self.command(f"config-set sound rtp_local_port {next(self._microphones)}")
        self._call = int((await self.command(f"call {uri}"))["Id"])

    async def accept(self) -> None:
        """Answer the call that rings."""
        await self.command("answer")

    async def hang_up(self) -> None:
        """End the call, or reject it where it rings."""
        await self.command("terminate")

    async def hold(self) -> None:
        """Hold the call."""
        await self.command(f"call-pause {self._call}")
        await self.wait_for_state("Paused")

    async def resume(self) -> None:
        """Take the call from hold."""
        await self.command(f"call-resume {self._call}")
        await self.wait_for_state("StreamsRunning")

    async def press(self, digit: str) -> None:
        """Send a digit."""
        await self.command(f"dtmf {digit}")

    async def transfer(self, uri: str) -> None:
        """Let the far side call `uri`, without asking there before."""
        await self.command(f"call-transfer {self._call} {uri}")

    async def transfer_to_consulted(self) -> None:
        """Connect the far side of the first call with that of the second one, which goes on."""
        await self.command(f"call-transfer {self._call - 1} {self._call}")

    async def send_message(self, uri: str, text: str) -> None:
        """Send a message, and return once it is taken."""
        await self.command(f"message {uri} {text}")
        await self.wait_for("message-state-changed", State="LinphoneChatMessageStateDelivered")

    async def wait_for_message(self) -> str:
        """Return the text of the next message that comes in."""
        return (await self.wait_for("message-received"))["Content"].strip('"')

    async def wait_for_ring(self) -> None:
        """Return once a call comes in."""
        self._call = await self.wait_for_state("IncomingReceived")

    async def wait_for_answer(self) -> None:
        """Return once the call is established."""
        await self.wait_for_state("StreamsRunning")

    async def wait_for_digit(self, digit: str) -> None:
        """Return once this digit comes in."""
        await self.wait_for("receiving-tone", Tone=digit)

    async def wait_for_end(self) -> None:
        """Return once a call is over."""
        await self.wait_for_state("End")

    async def wait_for_state(self, state: str) -> int:
        """Return the number of the call that comes into this state next, and forget all that was before."""
        return int((await self.wait_for("call-state-changed", Event=f"LinphoneCall{state}"))["Id"])

    async def wait_for(self, kind: str, **fields: str) -> dict[str, str]:
        """Return the next event of this kind with these fields, and forget all that was before."""
        seen: list[Event] = []
        try:
            async with asyncio.timeout(EVENT_SECONDS):
                while True:
                    event = await self._next_event()
                    if event.kind == kind and fields.items() <= event.fields.items():
                        return event.fields
                    seen.append(event)
        except TimeoutError:
            raise AssertionError(f"linphone: no {kind} {fields}, but {seen}\n{self.process.tail()}") from None

    async def wait_for_tone(self, frequency: float) -> Tone:
        """Return what the phone hears from now on, once it is a clean tone of this pitch."""
        self._forget_sound()
        windows: dict[bytes, bytes] = {}  # by SSRC, as each of several calls has a stream of its own
        tone = None
        try:
            async with asyncio.timeout(EVENT_SECONDS):
                while tone is None or not tone.is_clean(frequency):
                    packet, _ = await self._loudspeaker.received.get()
                    window = windows.get(packet[_SSRC], b"")[-_WINDOW:] + packet[_RTP_HEADER:]
                    windows[packet[_SSRC]] = window
                    tone = best_tone(decode(window, "PCMU"), RATE)
        except TimeoutError:
            raise AssertionError(f"linphone does not hear {frequency} Hz but {tone}\n{self.process.tail()}") from None
        return tone

    async def wait_for_silence(self) -> None:
        """Return once the phone hears nothing."""
        tone = None
        try:
            async with asyncio.timeout(EVENT_SECONDS):
                while True:
                    self._forget_sound()
                    await asyncio.sleep(SILENCE_SECONDS)
                    tone = best_tone(decode(b"".join(self._forget_sound()), "PCMU"), RATE)
                    if tone is None:
                        return
        except TimeoutError:
            raise AssertionError(f"linphone hears {tone}\n{self.process.tail()}") from None

    def _forget_sound(self) -> list[bytes]:
        queue = self._loudspeaker.received
        return [queue.get_nowait()[0][_RTP_HEADER:] for _ in range(queue.qsize())]

    async def _next_event(self) -> Event:
        while True:
            answer = await self._ask("pop-event")
            if kind := re.search(r"^Event-type: (.+)$", answer, re.MULTILINE):
                return Event(kind[1], _fields(answer))
            await asyncio.sleep(_POLL_SECONDS)

    async def _ask(self, line: str) -> str:
        """An answer has no end mark, but comes in one piece."""
        async with asyncio.timeout(EVENT_SECONDS), self._turn:
            self._writer.write(line.encode() + b"\n")
            answer = (await self._reader.read(65536)).decode()
        assert answer, f"linphone ended at {line}\n{self.process.tail()}"
        return answer

    async def aclose(self) -> None:
        """Let it end its calls and its registration, and leave its socket."""
        if self.process.alive:
            await self._ask("quit")
            await self.process.wait()
        self._writer.close()


def _fields(answer: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+): (.*)$", answer, re.MULTILINE))


@contextlib.asynccontextmanager
async def linphone(
    user: str,
    password: str,
    domain: str,
    proxy_port: int,
    *,
    frequency: int = 440,
    transport: str = "udp",
    digits_by_info: bool = False,
) -> AsyncIterator[Linphone]:
    """Run a phone while the block runs; it is registered through 127.0.0.1:`proxy_port` when the block starts."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cordboard-linphone-")))
        (folder / ".local/share/linphone").mkdir(parents=True)  # it dies at a message without
        sip, rtp = free_ports(), free_port_pairs(RTP_PORTS // 2)
        microphones = (free_ports(), free_ports())  # two calls that share one would share out its packets, too
        loudspeaker = await RtpSocket.open()
        stack.callback(loudspeaker.close)
        (folder / "linphonerc").write_text(
            _CONFIG.format(
                **{"user": user, "password": password, "domain": domain, "proxy": proxy_port, "transport": transport},
                **{"by_info": int(digits_by_info), "by_rtp": int(not digits_by_info)},
                **{"sip": sip, "rtp": rtp, "rtp_last": rtp + RTP_PORTS - 1},
                **{"microphone": microphones[0], "loudspeaker": loudspeaker.address.port},
            )
        )
        pipe = folder / "pipe"
        command = [program("linphone-daemon", "linphone-cli"), "--config", folder / "linphonerc"]
        command += ["--pipe", f"..{pipe}", "--disable-stats-events"]  # which it looks for in /tmp
        process = await stack.enter_async_context(
            running(f"linphone {user}", command, cwd=folder, env={"HOME": str(folder)})
        )
        phone = Linphone(process, frequency, microphones, loudspeaker, *await _connect(process, pipe))
        stack.push_async_callback(phone.aclose)
        await _wait_until_registered(phone)
        await phone.command("audio-codec-disable ALL")
        await phone.command("audio-codec-enable PCMU/8000/1")
        sound = FarSide("PCMU", SSRC, loudspeaker, loudspeaker)
        for microphone in microphones:
            stack.enter_context(sound.speaking(microphone, frequency))
        yield phone


async def _connect(process: Process, pipe: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(START_SECONDS):
        while True:
            process.check_alive()
            with contextlib.suppress(OSError):  # not there yet
                return await asyncio.open_unix_connection(pipe)
            await asyncio.sleep(_POLL_SECONDS)


async def _wait_until_registered(phone: Linphone) -> None:
    state = ""
    try:
        async with asyncio.timeout(START_SECONDS):
            while state != "LinphoneRegistrationOk":
                state = (await phone.command("register-status ALL")).get("State", "")
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"linphone is not registered: {state}\n{phone.process.tail()}") from None
