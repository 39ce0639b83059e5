"""A real baresip as a scripted SIP phone: it plays a tone and records what it hears."""

import asyncio
import contextlib
import itertools
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from shared.tasks import Tasks

from .processes import Process, free_port_pairs, free_ports, program, running
from .tone import Tone, best_tone, read_wav

EVENT_SECONDS = 20.0
RTP_PORTS = 20
RECORDING_SECONDS = 300
_MODULES = "/usr/lib/baresip/modules"
# 48 kHz and two channels: ausine starts with nothing less. The jitter buffer is small, as all is on one machine.
_CONFIG = """\
poll_method epoll
sip_listen {sip}
call_local_timeout 120
audio_source ausine,{frequency}
audio_player aubridge,ear
audio_alert aubridge,alert
audio_buffer 20-160
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
ausrc_srate 48000
ausrc_channels 2
rtp_ports {rtp_first}-{rtp_last}
rtcp_mux no
jitter_buffer_delay 5-10
net_interface 127.0.0.1
snd_path {folder}
module_path {modules}
module g711.so
module opus.so
module aubridge.so
module ausine.so
module sndfile.so
module srtp.so
module_tmp account.so
module_tmp uuid.so
module_app menu.so
module_app debug_cmd.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip:
    """One phone with one account, driven through its control port."""

    def __init__(
        self,
        process: Process,
        frequency: int,
        folder: Path,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self.frequency = frequency
        self._folder = folder
        self._reader, self._writer = reader, writer
        self._tokens = itertools.count(1)
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: list[dict[str, Any]] = []
        self.digits = ""  # all that have come in
        self._news = asyncio.Condition()
        self._tasks = Tasks("baresip")
        self._tasks.spawn(self._read(), "control")

    async def aclose(self) -> None:
        """Leave the control port."""
        await self._tasks.aclose()
        self._writer.close()

    async def command(self, name: str, params: str = "") -> str:
        """Run one command and return what baresip says to it."""
        token = str(next(self._tokens))
        self._replies[token] = asyncio.get_running_loop().create_future()
        body = json.dumps({"command": name, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(body), body))
        async with asyncio.timeout(EVENT_SECONDS):
            reply = await self._replies[token]
        assert reply["ok"], f"baresip refused {name} {params}: {reply['data']}"
        return str(reply["data"])

    async def dial(self, uri: str) -> None:
        """Call `uri`."""
        await self.command("dial", uri)

    async def accept(self) -> None:
        """Answer the call that rings."""
        await self.command("accept")

    async def hang_up(self) -> None:
        """End the call, or reject it where it rings."""
        await self.command("hangup")

    async def hold(self) -> None:
        """Hold the call."""
        await self.command("hold")

    async def resume(self) -> None:
        """Take the call from hold."""
        await self.command("resume")

    async def press(self, digit: str) -> None:
        """Send a digit."""
        await self.command("sndcode", digit)

    async def transfer(self, uri: str) -> None:
        """Let the far side call `uri`, without asking there before."""
        await self.command("transfer", uri)

    async def wait_for_ring(self) -> None:
        """Return once a call comes in."""
        await self.wait_for("CALL_INCOMING")

    async def wait_for_answer(self) -> None:
        """Return once the call is established."""
        await self.wait_for("CALL_ESTABLISHED")

    async def wait_for_digit(self, digit: str) -> None:
        """Return once this digit comes in."""
        while (await self.wait_for("CALL_DTMF_START"))["param"] != digit:
            pass

    async def wait_for_digits(self, count: int) -> None:
        """Return once so many digits have come in."""
        try:
            async with asyncio.timeout(EVENT_SECONDS), self._news:
                await self._news.wait_for(lambda: len(self.digits) >= count or not self.process.alive)
        except TimeoutError:
            raise AssertionError(f"baresip: digits {self.digits!r}\n{self.process.tail()}") from None

    async def wait_for_end(self) -> None:
        """Return once a call is over."""
        await self.wait_for("CALL_CLOSED")

    async def wait_for(self, event: str, within: float = EVENT_SECONDS) -> dict[str, Any]:
        """Return the next event of this type, and forget all before it."""

        def position() -> int | None:
            return next((at for at, seen in enumerate(self._events) if seen["type"] == event), None)

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: position() is not None or not self.process.alive)
        except TimeoutError:
            seen = [one["type"] for one in self._events]
            raise AssertionError(f"baresip: no {event} in {within} s, but {seen}\n{self.process.tail()}") from None
        at = position()
        assert at is not None, f"baresip ended\n{self.process.tail()}"
        found = self._events[at]
        del self._events[: at + 1]
        return found

    async def wait_for_encryption(self) -> None:
        """Return once a call's media is encrypted both ways."""
        await self.wait_for("CALL_MENC")

    async def wait_for_tone(self, frequency: float, within: float = EVENT_SECONDS) -> Tone:
        """Return what the phone hears from now on, once it is a clean tone of this pitch."""
        past, tone = self._recorded(), None
        try:
            async with asyncio.timeout(within):
                while (tone := self._heard_since(past)) is None or not tone.is_clean(frequency):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)  # a recording grows: nobody tells of it
        except TimeoutError:
            raise AssertionError(f"baresip does not hear {frequency} Hz but {tone}\n{self.process.tail()}") from None
        return tone

    async def wait_for_other_tone(self, frequency: float) -> Tone:
        """The same where another tone was heard just now, of which something is still on its way."""
        async with asyncio.timeout(EVENT_SECONDS):
            while True:
                past = self._recorded()
                await asyncio.sleep(0.2)
                tone = self._heard_since(past)
                if tone is not None and tone.is_clean(frequency):
                    return tone

    def _recorded(self) -> dict[Path, int]:
        """How many samples each recording holds: there is a new one for each call, and after most re-INVITEs."""
        return {path: len(read_wav(path)[0]) for path in self._folder.glob("dump-*-dec.wav")}

    def _heard_since(self, past: dict[Path, int]) -> Tone | None:
        newest = max(self._folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime_ns, default=None)
        if newest is None:
            return None
        samples, rate = read_wav(newest)
        known = past.get(newest, 0)
        return best_tone(samples[known if known <= len(samples) else 0 :], rate)  # a shorter one has begun anew

    async def _read(self) -> None:
        """Take netstrings of JSON from the control port: replies to commands, and events."""
        while True:
            try:
                size = int((await self._reader.readuntil(b":"))[:-1])
                body = (await self._reader.readexactly(size + 1))[:-1]
            except asyncio.IncompleteReadError:
                break
            message = json.loads(body)
            if message.get("response"):
                self._replies.pop(message["token"]).set_result(message)
            elif message.get("event"):
                async with self._news:
                    self._events.append(message)
                    self.digits += message["param"] if message["type"] == "CALL_DTMF_START" else ""
                    self._news.notify_all()
        async with self._news:
            self._news.notify_all()


def _forbid_recordings_of_itself(folder: Path) -> None:
    """Let the phone fail to record what it says: there is a folder where each file would be.

    Measured: with both recorders a re-INVITE that changes the direction ends the one of what is heard for good, as
    baresip 1.0.0 makes new recorders only when it has none at all.
    """
    now = int(time.time())
    for second in range(now, now + RECORDING_SECONDS):
        (folder / time.strftime("dump-%Y-%m-%d-%H-%M-%S-enc.wav", time.localtime(second))).mkdir()


@contextlib.asynccontextmanager
async def baresip(
    user: str,
    password: str,
    domain: str,
    proxy_port: int,
    *,
    frequency: int = 440,
    transport: str = "udp",
    codecs: str = "pcmu,pcma",
    encryption: str = "",
    register: bool = True,
    auto_answer: bool = False,
) -> AsyncIterator[Baresip]:
    """Run a phone while the block runs; it is registered through 127.0.0.1:`proxy_port` when the block starts."""
    with tempfile.TemporaryDirectory(prefix="cordboard-baresip-") as name:
        folder = Path(name)
        sip, control = free_ports(2), free_ports()  # TLS takes the port after SIP's
        rtp = free_port_pairs(RTP_PORTS // 2)
        (folder / "config").write_text(
            _CONFIG.format(
                **{"sip": f"127.0.0.1:{sip}", "control": control, "frequency": frequency, "modules": _MODULES},
                **{"folder": folder, "rtp_first": rtp, "rtp_last": rtp + RTP_PORTS - 1},
            )
        )
        _forbid_recordings_of_itself(folder)
        (folder / "contacts").write_text("")
        (folder / "accounts").write_text(
            f"<sip:{user}@{domain};transport={transport}>;auth_pass={password}"
            f';outbound="sip:127.0.0.1:{proxy_port};transport={transport}";regint={60 if register else 0}'
            f";answermode={'auto' if auto_answer else 'manual'};audio_codecs={codecs}"
            f"{f';mediaenc={encryption}' if encryption else ''}\n"
        )
        command = (program("baresip", "baresip-core"), "-4", "-f", folder)
        async with running(f"baresip {user}", command, cwd=folder) as process:
            await process.wait_for_output("baresip is ready")
            phone = Baresip(process, frequency, folder, *await asyncio.open_connection("127.0.0.1", control))
            try:
                if register:
                    await process.wait_for_output(r" 200 .*\[\d+ binding")  # its event may precede our connection
                yield phone
            finally:
                await phone.aclose()
