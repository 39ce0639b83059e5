"""A request with an `Idempotency-Key` is carried out once, whichever pod gets it how often.

The key is a name in KV, taken by compare-and-swap before anything is done; the response is kept there for a day. What
failed may be tried again under the same key. Where a pod dies in the middle, the key is free again after a minute, and
a call that it had started is found by its id, which follows from the key.
"""

import hashlib
import os
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Header
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from shared.ids import new_id
from shared.kv import REQUEST_TTL, Bucket, Conflict
from shared.records import RequestRecord
from shared.store import Store

from .authorization import principal_of
from .problems import problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = r"^[A-Za-z0-9_\-.:]{1,128}$"
UNDER_WAY_SECONDS = 60.0  # longer than any request takes

_log = structlog.get_logger(__name__)

_key = re.compile(KEY)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        pattern=KEY,
        description="Names this request: made again under the same name within a day, it gets the same response.",
    ),
]


def named(request: Request) -> str:
    """Return the name of a request among all of all principals; empty where it has none."""
    key = request.headers.get(HEADER, "")
    if not _key.match(key):
        return ""
    return hashlib.sha256(f"{principal_of(request).name}\n{key}".encode()).hexdigest()


def call_id_of(request: Request) -> str:
    """Return the id of the call that a request starts: the same each time under the same key."""
    name = named(request)
    return f"c-{name[:32]}" if name else new_id("c", os.urandom)


Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route that keeps its responses; the application's state has the `store`."""

    def get_route_handler(self) -> Handle:
        """Return what serves a request."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            name = named(request) if request.method == "POST" else ""
            if not name:
                return await handle(request)
            store: Store = request.app.state.store
            return await _once(store.requests, name, request, handle)

        return once


async def _once(bucket: Bucket[RequestRecord], name: str, request: Request, handle: Handle) -> Response:
    record = RequestRecord(fingerprint=await _fingerprint(request))
    try:
        revision = await bucket.create(name, record, UNDER_WAY_SECONDS)
    except Conflict:
        entry = await bucket.get(name)
        return _again(None if entry is None else entry.record, record.fingerprint)
    try:
        response = await handle(request)
    except Exception:
        await _forget(bucket, name, revision)
        raise
    if 200 <= response.status_code < 300:
        await _keep(bucket, name, revision, record, response)
    else:
        await _forget(bucket, name, revision)
    return response


async def _keep(
    bucket: Bucket[RequestRecord], name: str, revision: int, record: RequestRecord, response: Response
) -> None:
    done = RequestRecord(
        fingerprint=record.fingerprint,
        status=response.status_code,
        body=bytes(response.body).decode(),
        location=response.headers.get("Location", ""),
    )
    try:
        await bucket.update(name, done, revision, REQUEST_TTL)
    except Conflict:
        _log.warning("request was made again before it was done")  # it took longer than a minute


async def _forget(bucket: Bucket[RequestRecord], name: str, revision: int) -> None:
    try:
        await bucket.delete(name, revision)
    except Conflict:
        _log.warning("request was made again before it failed")


async def _fingerprint(request: Request) -> str:
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return hashlib.sha256(asked).hexdigest()


def _again(known: RequestRecord | None, fingerprint: str) -> Response:
    if known is None or (known.fingerprint == fingerprint and known.status == 0):
        return problem(HTTPStatus.CONFLICT, "The same request is being carried out", {"Retry-After": "1"})
    if known.fingerprint != fingerprint:
        return problem(HTTPStatus.CONFLICT, f"The {HEADER} was used for another request")
    headers = {REPLAYED: "true"}
    if known.location:
        headers["Location"] = known.location
    media_type = "application/json" if known.body else None
    return Response(known.body or None, known.status, headers, media_type)
