"""The WebSocket protocol of uvicorn, with a way to cut a socket whose peer does not read.

Closing waits until the peer has read everything; a peer that never reads would keep its socket and its buffer for ever.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT = "cordboard.abort"
_CLOSE_SECONDS = 2.0


class AbortableWebSocket(WebSocketsSansIOProtocol):
    """Gives the application `scope["extensions"]["cordboard.abort"]`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = _CLOSE_SECONDS

    async def run_asgi(self) -> None:
        """Run the application on this socket."""
        extensions: dict[str, Any] = dict(self.scope.get("extensions") or {})
        extensions[ABORT] = self.transport.abort
        self.scope["extensions"] = extensions
        await super().run_asgi()

    def keepalive_timeout(self) -> None:
        """Cut a peer that answers no ping: what was sent to it will never be read."""
        super().keepalive_timeout()
        self.transport.abort()
