"""The endpoint `/ws`, and `/` for pages that name no path: who may connect, frames in, frames out."""

from collections.abc import Callable

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from .. import metrics
from ..backlog import Backlog
from ..gateway import Gateway
from ..pod import Pod
from .transport import ABORT

_log = structlog.get_logger(__name__)

_TRY_AGAIN_LATER = 1013


def router(pod: Pod) -> APIRouter:
    """Return the route of the web protocol."""
    routes = APIRouter()

    @routes.websocket("/ws")
    @routes.websocket("/")
    async def websocket(socket: WebSocket) -> None:
        if not _origin_allowed(pod.settings.origins, socket.headers.get("origin", "")):
            metrics.REJECTED.labels("origin").inc()
            await socket.close()  # before `accept`: HTTP 403
            return
        await socket.accept()
        reason = _full(pod)
        if reason:
            metrics.REJECTED.labels(reason).inc()
            await socket.close(_TRY_AGAIN_LATER, reason)
            return
        await _serve(pod, socket)

    return routes


def _origin_allowed(allowed: tuple[str, ...], origin: str) -> bool:
    return not allowed or origin.lower() in {one.lower().rstrip("/") for one in allowed}


def _full(pod: Pod) -> str:
    if pod.draining:
        return "draining"
    if pod.unauthenticated() >= pod.settings.max_unauthenticated:
        return "too many sockets that have not logged in"
    if len(pod.gateways) >= pod.settings.capacity:
        return "at capacity"
    return ""


async def _serve(pod: Pod, socket: WebSocket) -> None:
    backlog = Backlog(pod.settings.backlog_bytes)
    abort: Callable[[], None] = socket.scope["extensions"][ABORT]
    gateway = Gateway(pod, backlog, abort)
    writer = pod.tasks.spawn(_write(socket, backlog), "write")
    try:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                break
            gateway.receive(message.get("text"))
    finally:
        backlog.close(_TRY_AGAIN_LATER, "the socket is gone")
        writer.cancel()
        await gateway.aclose()


async def _write(socket: WebSocket, backlog: Backlog) -> None:
    """Send until the backlog is closed and empty, then close."""
    try:
        while (text := await backlog.next()) is not None:
            await socket.send_text(text)
        if backlog.closing is not None and socket.client_state is WebSocketState.CONNECTED:
            await socket.close(*backlog.closing)
    except WebSocketDisconnect:
        _log.debug("the page went while it was sent to")
