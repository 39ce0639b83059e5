"""A stranger who sends many messages as fast as they are read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

AT_ONCE = 25  # then the others on this event loop get their turn, for the kernel's queue is short


class Flood(asyncio.DatagramProtocol):
    """A socket that counts what comes back."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"SIP/2.0 "):
            self.statuses.append(int(data.split(b" ", 2)[1]))

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, address: str, number_of: int, make: Callable[[str, int], bytes]) -> AsyncIterator["Flood"]:
        """Send so many messages, which `make` writes from our address and a number, to a host:port."""
        host, _, port = address.rpartition(":")
        transport, flood = await asyncio.get_running_loop().create_datagram_endpoint(cls, remote_addr=(host, int(port)))
        for number in range(number_of):
            transport.sendto(make(flood.address, number))
            if number % AT_ONCE == 0:
                await _turn()
        yield flood
        transport.close()


async def _turn() -> None:
    """Let whoever shares our event loop read what is there."""
    for _ in range(AT_ONCE):
        await asyncio.sleep(0)


def message(method: str, uri: str, source: str, number: int, *fields: str, body: str = "") -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {source};branch=z9hG4bK{method}{number};rport",
        "Max-Forwards: 70",
        f"From: <sip:flood{number}@evil.example>;tag={number}",
        f"To: <{uri}>",
        f"Call-ID: {method}-{number}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:flood@{source}>",
        *fields,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join([*lines, "", ""]) + body).encode()
