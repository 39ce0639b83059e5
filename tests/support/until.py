"""What tells nobody that it has happened - a record, a thread, a log, another's API - is looked at again and again."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], within: float = 10.0) -> None:
    """Return once it holds; `TimeoutError` where it does not."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)


async def until_so(is_so: Callable[[], bool], within: float = 10.0) -> None:
    """The same of what can be seen without waiting."""
    async with asyncio.timeout(within):
        while not is_so():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)
