"""The HTTP protocol of uvicorn, with a deadline for the head of each request.

Without it a peer that says nothing, or half a request, keeps its socket for ever; some thousands leave none for pages.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class ImpatientHttp(HttpToolsProtocol):
    """Closes a connection whose next request is not there within `timeout_keep_alive`."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there; what is served now has its own deadlines."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self.transport.abort()
