"""A way to a TCP server that can be cut: then nothing comes through, and neither end is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from shared.tasks import Tasks


class CutLink:
    """`url` is where it is found; what was on its way when it was cut comes after it has healed, as TCP has it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._tasks = Tasks("link")
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._on_client, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def aclose(self) -> None:
        """End every connection."""
        assert self._server is not None
        self._server.close()
        await self._tasks.aclose()

    def cut(self) -> None:
        """Let nothing through."""
        self._whole.clear()

    def heal(self) -> None:
        """Let everything through again."""
        self._whole.set()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        there, back = await asyncio.open_connection(self._host, self._port)
        self._tasks.spawn(self._pump(reader, back), "there")
        self._tasks.spawn(self._pump(there, writer), "back")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        await self._whole.wait()
        writer.close()


@contextlib.asynccontextmanager
async def cut_link(url: str) -> AsyncIterator[CutLink]:
    """Run a link to a NATS server while the block runs."""
    host, _, port = url.removeprefix("nats://").rpartition(":")
    link = CutLink(host, int(port))
    await link.open()
    try:
        yield link
    finally:
        link.heal()
        await link.aclose()
