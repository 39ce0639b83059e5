"""The operator's web server: it allows, refuses, overwrites or dawdles as the test says, and keeps what was posted."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import health

from .arrivals import Arrivals
from .processes import free_ports

PATIENCE = 10.0


@dataclass(frozen=True)
class Posted:
    """One request that came, as it came."""

    method: str
    raw: bytes
    headers: dict[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """Its fields."""
        fields: dict[str, Any] = json.loads(self.raw)
        return fields


class WebBackend:
    """`statuses` and `replies` are by method, 200 and nothing else where they have none; `held` makes it dawdle.

    `refuses` says which posts get 403 for what is in them.
    """

    def __init__(self) -> None:
        self.port = free_ports()
        self._arrivals: Arrivals[Posted] = Arrivals()
        self.statuses: dict[str, int] = {}
        self.replies: dict[str, dict[str, Any]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.refuses: Callable[[Posted], bool] = lambda _: False
        self._stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """What is set as `HOOKS_URL`."""
        return f"http://127.0.0.1:{self.port}/hooks"

    async def start(self) -> None:
        """Serve."""
        app = Starlette(routes=[Route("/hooks/{method}", self._take, methods=["POST"])])
        config = uvicorn.Config(
            app, "127.0.0.1", self.port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        await self._stack.enter_async_context(health.serve(config, "backend"))

    async def stop(self) -> None:
        """Be gone: who comes is refused by the host."""
        for event in self.held.values():
            event.set()
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()

    async def _take(self, request: Request) -> Response:
        method = request.path_params["method"]
        posted = Posted(method, await request.body(), dict(request.headers))
        await self._arrivals.add(posted)
        if method in self.held:
            await self.held[method].wait()
        reply = json.dumps(self.replies[method]) if method in self.replies else ""
        status = 403 if self.refuses(posted) else self.statuses.get(method, 200)
        return Response(reply, status, media_type="application/json")

    def methods(self) -> list[str]:
        """Return the methods that were posted, in their order."""
        return [post.method for post in self._arrivals.all]

    async def expect(self, method: str, such: Callable[[dict[str, Any]], bool] = lambda _: True) -> Posted:
        """Return the first post of a method that was not returned before."""
        return await self._arrivals.first(lambda one: one.method == method and such(one.body), PATIENCE, method)


@contextlib.asynccontextmanager
async def web_backend() -> AsyncIterator[WebBackend]:
    """Run one while the block runs."""
    backend = WebBackend()
    await backend.start()
    try:
        yield backend
    finally:
        await backend.stop()
