"""The HTTP protocol of uvicorn, with a deadline for the head of each request, and room for so many without one.

Without it a peer that says nothing, or half a request, keeps its socket for ever; some thousands leave none for pages.
"""

import asyncio
import functools
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .. import metrics
from ..admission import Admission


def impatient_http(admission: Admission) -> Any:
    """Return what uvicorn makes of a connection."""
    return functools.partial(ImpatientHttp, admission)


class ImpatientHttp(HttpToolsProtocol):
    """Closes a connection whose next request is not there within `timeout_keep_alive`, sooner where room is short."""

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, admission: Admission, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._admission = admission
        self._host = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request."""
        super().connection_made(transport)
        self._host = self._admission.host_of_peer(self.client[0] if self.client else "")
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there; what is served now has its own deadlines."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._expect_head()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on, and leave nothing that keeps this one."""
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it refers to us, as we to it

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.timeout_keep_alive, self._give_up, "silent")
        crowded_out = self._admission.half_open.add(self, self._host)
        if isinstance(crowded_out, ImpatientHttp):
            crowded_out._give_up("crowded out")

    def _stop_waiting(self) -> None:
        self._admission.half_open.remove(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self, reason: str) -> None:
        metrics.HALF_OPEN_CUT.labels(reason).inc()
        self.transport.abort()
