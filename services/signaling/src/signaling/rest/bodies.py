"""A body has a size that fits what can be asked: more is 413, before it is kept.

FastAPI's `max_body_size` does the same, but tells it in plain text.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem

BODY_BYTES = 65_536


class BoundedBody:
    """The middleware that counts; also where no length is told (RFC 9112 §7.1)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body for the application, and pass it on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        body = None if length.isdecimal() and int(length) > BODY_BYTES else await _read(receive)
        if body is None:
            # The rest is dropped as it comes; who sends without end has the time of a next request.
            response = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has {BODY_BYTES} bytes at most")
            await response(scope, receive, send)
            return
        await self._app(scope, _Whole(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None if it is too large. A client that leaves has sent what there is."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


class _Whole:
    """Gives a body in one piece, then what comes after it."""

    def __init__(self, body: bytes, rest: Receive) -> None:
        self._body: bytes | None = body
        self._rest = rest

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._rest()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
