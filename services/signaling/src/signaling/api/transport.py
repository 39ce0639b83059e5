"""The WebSocket protocol of uvicorn, with a way to cut a socket whose peer does not read.

Closing waits until the peer has read everything; a peer that never reads would keep its socket and its buffer for ever.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from .. import metrics

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

    def send_receive_event_to_app(self) -> None:
        """Pass a frame on. Text that is no UTF-8 closes the socket (RFC 6455 §8.1) and is no error of ours."""
        if self.curr_msg_data_type == "text" and not _is_utf_8(b"".join(self.frames)):
            metrics.CLOSED.labels(int(CloseCode.INVALID_DATA)).inc()
            self.conn.send_close(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        """Cut a peer that answers no ping: what was sent to it will never be read."""
        super().keepalive_timeout()
        self.transport.abort()


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
