"""Time that a test spends on purpose: a sender has a pace, a network takes its time, and others have turns of the loop.

Nothing here waits for something to happen; for that there are events.
"""

import asyncio


async def turn() -> None:
    """Let everybody else who is ready have a turn of the loop."""
    await asyncio.sleep(0)


async def spend(seconds: float) -> None:
    """Let so much time pass: what a sender pauses, or a way takes."""
    await asyncio.sleep(seconds)
