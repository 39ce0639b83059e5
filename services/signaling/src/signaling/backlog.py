"""The frames that wait for one page to read them, bounded."""

import asyncio
from collections import deque


class Backlog:
    """Filled by `put` and `close`, emptied by `next`. `put` is False once the page is too slow."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._frames: deque[str] = deque()
        self._size = 0
        self._closing: tuple[int, str] | None = None
        self._changed = asyncio.Event()

    @property
    def closing(self) -> tuple[int, str] | None:
        """The code and reason to close with when all is sent."""
        return self._closing

    @property
    def size(self) -> int:
        """How much waits."""
        return self._size

    def put(self, text: str) -> bool:
        """Queue a frame; False if there is no room. After `close` it goes nowhere."""
        if self._closing is not None:
            return True
        if self._size + len(text) > self._most:
            return False
        self._frames.append(text)
        self._size += len(text)
        self._changed.set()
        return True

    def close(self, code: int, reason: str) -> None:
        """Let nothing more in; the first reason counts."""
        if self._closing is None:
            self._closing = (code, reason)
            self._changed.set()

    async def next(self) -> str | None:
        """Return the next frame, None when all are sent and the socket is to be closed."""
        while not self._frames:
            if self._closing is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        text = self._frames.popleft()
        self._size -= len(text)
        return text
