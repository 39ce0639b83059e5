"""The wiring of a signaling pod, and the order in which it starts and ends."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
import uvicorn
from fastapi import FastAPI

from shared import health
from shared import metrics as shared_metrics
from shared.bus import DEADLINE
from shared.drain import Drain
from shared.presence import beat, listen
from shared.start import Start, starting
from shared.tasks import Tasks

from .api.http import impatient_http
from .api.page_socket import page_sockets
from .api.pages import SDK_HEADERS, Pages, find_web_root
from .pod import Pod, Presences
from .rest import app as rest
from .settings import Settings

_log = structlog.get_logger(__name__)

_READY_POLL = 0.05


@dataclass(frozen=True)
class Running:
    """A pod that serves, and where."""

    pod: Pod
    address: str
    ops_address: str


def create_app(pod: Pod) -> FastAPI:
    """Return what is served on the public port."""
    web_root = find_web_root(pod.settings.web_root)
    app = FastAPI(title="Cordboard signaling", docs_url=None, redoc_url=None, openapi_url=None)
    app.routes.append(health.liveness())
    if rest.is_on(pod.settings):
        app.routes.extend(rest.mounts(pod))
    app.mount("/sdk", Pages(web_root / "sdk", SDK_HEADERS), name="sdk")
    app.mount("/", Pages(web_root / "phone"), name="phone")
    return app


def public_config(pod: Pod, app: FastAPI) -> uvicorn.Config:
    """Return the configuration of the public port. Its WebSockets are the web protocol's, whatever the app serves."""
    settings = pod.settings
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=impatient_http(pod.admission),
        timeout_keep_alive=math.ceil(settings.login_seconds),
        ws=page_sockets(pod),
        forwarded_allow_ips=list(settings.trusted_proxies),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Run a pod while the block runs; drain it at the end."""
    _warn_of(settings)
    async with starting(settings) as start, _serving(settings, start) as served:
        yield served


@contextlib.asynccontextmanager
async def _serving(settings: Settings, start: Start) -> AsyncIterator[Running]:
    bus, presences = start.bus, Presences()
    pod = Pod(settings, bus, await start.open_store(settings), presences)
    await listen(bus, "agent", presences.agents)
    await listen(bus, "relay", presences.relays)
    await listen(bus, "signaling", presences.signaling)
    endless = Tasks("pod")
    drain = Drain(endless, pod.drain)
    endless.spawn(beat(bus, pod.heartbeat), "heartbeat")
    endless.spawn(pod.keep_in_step(), "keep in step")
    endless.spawn(pod.sweeper.run(), "sweep")
    endless.spawn(pod.headless.run(), "headless calls")
    endless.spawn(shared_metrics.watch_loop_lag(), "loop lag")
    try:
        async with health.serve(public_config(pod, create_app(pod)), "public") as address:
            start.ready(pod.not_ready, drain)
            endless.spawn(_tell_when_ready(pod, address), "ready")
            try:
                yield Running(pod, address, start.ops_address)
            finally:
                await drain.finish()
    finally:
        await endless.aclose()
        await pod.tasks.join(DEADLINE)
        await pod.tasks.aclose()
        await pod.backend.aclose()
        await pod.publisher.aclose()
        await pod.tokens.aclose()


def _warn_of(settings: Settings) -> None:
    if not settings.origins:
        _log.info("pages of any origin may connect; CORDBOARD_SIGNALING_ORIGINS limits them")


async def _tell_when_ready(pod: Pod, address: str) -> None:
    host, _, port = address.rpartition(":")
    why = ""
    while now := pod.not_ready():
        if pod.draining:
            return
        if now != why:
            why = now
            _log.info("not ready", why=why)
        await asyncio.sleep(_READY_POLL)
    shown = "localhost" if host in ("0.0.0.0", "127.0.0.1", "::") else host
    _log.info(f"phone at http://{shown}:{port}/")
