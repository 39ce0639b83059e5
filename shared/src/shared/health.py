"""The port for operators: `/healthz` (the event loop turns), `/readyz` (takes new work), `/metrics`, `POST /drain`.

`POST /drain` ends nothing: the pod stays, without new work, until a signal ends it; else it would be started anew.
Liveness never asks NATS: a NATS outage would restart every pod and end every call.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .errors import LocalError
from .tasks import Tasks

_log = structlog.get_logger(__name__)


def liveness() -> Route:
    """Return `/healthz`."""

    def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Route("/healthz", healthz)


def ops_routes(not_ready: Callable[[], str], drain: Callable[[], None]) -> list[Route]:
    """Return the routes; `not_ready` says why the pod takes no new work, "" if it does, `drain` has it take none."""

    def readyz(_: Request) -> Response:
        why = not_ready()
        return PlainTextResponse(f"{why or 'ready'}\n", status_code=503 if why else 200)

    def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def start_to_drain(request: Request) -> Response:
        # Who may scrape metrics may not take pods out of work: this is for who is on the pod's own host.
        if request.client is None or not _is_loopback(request.client.host):
            return PlainTextResponse("only from the pod itself\n", status_code=403)
        _log.info("asked to drain")
        drain()
        return PlainTextResponse("draining\n", status_code=202)

    return [
        liveness(),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/drain", start_to_drain, methods=["POST"]),
    ]


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class EmbeddedServer(uvicorn.Server):
    """A uvicorn server inside a process whose signals are somebody else's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave the process's signal handlers alone."""
        yield


@contextlib.asynccontextmanager
async def serve(config: uvicorn.Config, what: str) -> AsyncIterator[str]:
    """Serve an ASGI app while the block runs; yield its `host:port`. Raise `LocalError` if the port is taken."""
    # Bound here, because uvicorn ends the process when it cannot.
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=config.backlog)
    except OSError as error:
        raise LocalError(f"{what}: cannot listen on {config.host}:{config.port}: {error.strerror}") from error
    host, port = listener.getsockname()[:2]
    server = EmbeddedServer(config)
    tasks = Tasks(what)
    running = tasks.spawn(server.serve(sockets=[listener]), "server")
    try:
        ready = tasks.spawn(server.ready.wait(), "ready")
        await asyncio.wait([ready, running], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise LocalError(f"{what}: the server ended while starting")
        _log.info("serving", what=what, address=f"{host}:{port}")
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        await tasks.join(config.timeout_graceful_shutdown or 5.0)
        await tasks.aclose()
        listener.close()


def ops_config(host: str, port: int, not_ready: Callable[[], str], drain: Callable[[], None]) -> uvicorn.Config:
    """Return the configuration of the operators' port."""
    app = Starlette(routes=ops_routes(not_ready, drain))
    return uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, ws="none")
