"""The port for operators: `/healthz` (the event loop turns), `/readyz` (takes new work), `/metrics`.

Liveness never asks NATS: a NATS outage would restart every pod and end every call.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .errors import LocalError

_log = structlog.get_logger(__name__)


def ops_routes(not_ready: Callable[[], str]) -> list[Route]:
    """Return the three routes; `not_ready` says why the pod takes no new work, "" if it does."""

    def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    def readyz(_: Request) -> Response:
        why = not_ready()
        return PlainTextResponse(why or "ready\n", status_code=503 if why else 200)

    def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


class EmbeddedServer(uvicorn.Server):
    """A uvicorn server inside a process whose signals are somebody else's."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave the process's signal handlers alone."""
        yield


@contextlib.asynccontextmanager
async def serve(config: uvicorn.Config, what: str) -> AsyncIterator[str]:
    """Serve an ASGI app while the block runs; yield its `host:port`."""
    server = EmbeddedServer(config)
    running = asyncio.ensure_future(server.serve())
    try:
        while not server.started:
            if running.done():
                running.result()
                raise LocalError(f"{what}: the server ended while starting")
            await asyncio.sleep(0.005)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        _log.info("serving", what=what, address=f"{host}:{port}")
        yield f"{host}:{port}"
    except SystemExit as error:  # uvicorn's way to say that the port is taken
        raise LocalError(f"{what}: cannot listen on {config.host}:{config.port}") from error
    finally:
        server.should_exit = True
        await asyncio.gather(running, return_exceptions=True)


def ops_config(host: str, port: int, not_ready: Callable[[], str]) -> uvicorn.Config:
    """Return the configuration of the operators' port."""
    return uvicorn.Config(
        Starlette(routes=ops_routes(not_ready)), host=host, port=port, log_config=None, access_log=False, ws="none"
    )
