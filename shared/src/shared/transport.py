"""How the NATS client's connections end."""

import asyncio
import contextlib

from nats.aio.transport import TcpTransport

CLOSED_WITHIN = 0.5


class BoundedTransport(TcpTransport):
    """TCP whose end is waited for, but not for ever.

    Of a connection whose TLS failed asyncio (Python 3.11) never says that it is closed, and the client, which waits for
    that word, would never try again: a pod that starts while certificates are changed would wait till it is ended.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __bool__(self) -> bool:
        """Say that there is one: the client would put its own in our place."""
        return True

    async def wait_closed(self) -> None:
        """Return when the connection is closed, or soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN):
                await super().wait_closed()  # type: ignore[no-untyped-call]
