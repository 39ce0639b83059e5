"""The media end of somebody on the SIP side: a codec, an SSRC, a pair of ports, and a tone to say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.support.descriptions import phone
from tests.support.g711 import PAYLOAD_TYPES, RATE, Law, decode, tone_packets
from tests.support.sip_phone import RtpSocket
from tests.support.tone import Tone, best_tone

TONE = 1000.0
_PERIOD = 0.02


@dataclass
class FarSide:
    """Somebody with a phone: a codec, an SSRC and two ports of its own."""

    law: Law
    ssrc: int
    rtp: RtpSocket
    rtcp: RtpSocket

    def audio(self, direction: str = "sendrecv", host: str = "127.0.0.1") -> str:
        """Return its description."""
        line = f"audio {self.rtp.address.port} RTP/AVP {PAYLOAD_TYPES[self.law]}"
        return phone(f"{line}|rtcp:{self.rtcp.address.port}|{direction}", host=host)

    @contextmanager
    def speaking(self, port: int, frequency: float = TONE, first: int = 1) -> Iterator[None]:
        """Say a tone all the while, in real time; after two minutes there is nothing left to say."""
        loop = asyncio.get_running_loop()
        packets = tone_packets(frequency, self.law, self.ssrc, first, count=6000)
        start = loop.time()
        handle: asyncio.TimerHandle

        def send(number: int) -> None:
            nonlocal handle
            self.rtp.send(packets[number], port)
            handle = loop.call_at(start + (number + 1) * _PERIOD, send, number + 1)

        send(0)
        try:
            yield
        finally:
            handle.cancel()

    async def hear(self, frequency: float) -> Tone:
        """Return what comes in once it is this tone, cleanly."""
        window: list[bytes] = []
        async with asyncio.timeout(30):
            while True:
                packet, _ = await self.rtp.receive()
                window = [*window[-9:], packet[12:]]
                tone = best_tone(decode(b"".join(window), self.law), RATE)
                if tone is not None and tone.is_clean(frequency):
                    return tone

    def speak(self, port: int, first: int = 1) -> None:
        for packet in tone_packets(TONE, self.law, self.ssrc, first):
            self.rtp.send(packet, port)


FarSides = Callable[[Law, int], Awaitable[FarSide]]


@pytest.fixture
async def far_side() -> AsyncIterator[FarSides]:
    """Make far sides; their ports are closed at the end."""
    with ExitStack() as stack:

        async def socket() -> RtpSocket:
            opened = await RtpSocket.open()
            stack.callback(opened.close)
            return opened

        async def make(law: Law, ssrc: int) -> FarSide:
            return FarSide(law, ssrc, await socket(), await socket())

        yield make
