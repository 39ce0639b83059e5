"""A peer that connects and then sends too little, too slowly."""

import asyncio

from shared.tasks import Tasks


async def expect_closed(address: str, *, drip: bytes = b"", first: bytes = b"") -> None:
    """Connect, send `first` and then `drip` again and again, until the pod closes."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(first)

    async def keep_dripping() -> None:
        while drip:
            writer.write(drip)
            await asyncio.sleep(0.1)

    tasks = Tasks("slow peer")
    tasks.spawn(keep_dripping(), "drip")
    try:
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
    except ConnectionResetError:
        return
    finally:
        await tasks.aclose()
        writer.close()
