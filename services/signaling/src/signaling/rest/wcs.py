"""The paths of WCS's REST API: `/rest-api/call/*` and `/rest-api/connection/*`, with its shapes and codes.

Each takes a JSON object by POST; lists come by GET, too. A call keeps the id that its caller chose for it.
"""

import time
from http import HTTPStatus
from typing import Annotated, Any

import nats.errors
from fastapi import APIRouter, Body, FastAPI, Security
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.errors import RemoteError
from shared.kv import Conflict
from shared.messages import HangupCall, PlaySound, SendDtmf, Sound
from shared.records import CallRecord, NameRecord

from ..agents import Unattended
from ..core.fields import check_target
from ..core.http_status import http_status
from ..core.wcs import rest as translation
from ..pod import Pod
from .authorization import Authorizer, Guard, permitted
from .bodies import BoundedBody
from .counting import Counted
from .listing import OfAllOwners, read_all
from .operator import Operator, Order
from .state import AnOperator

_CALLS_READ = [Security(permitted, scopes=["calls:read"])]
_CALLS_WRITE = [Security(permitted, scopes=["calls:write"])]
_SESSIONS_READ = [Security(permitted, scopes=["sessions:read"])]
_SESSIONS_WRITE = [Security(permitted, scopes=["sessions:write"])]
_IDLE_SECONDS = 3600.0  # of a connection that was started for calls to come

Asked = Annotated[dict[str, Any], Body()]

calls = APIRouter(prefix="/call")
connections = APIRouter(prefix="/connection")


def application(pod: Pod, authorizer: Authorizer, path: str) -> FastAPI:
    """Return what is mounted at `path`."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Counted, path=path), Middleware(Guard, authorizer=authorizer), Middleware(BoundedBody)],
    )
    app.state.operator = Operator(pod, path)
    app.include_router(calls)
    app.include_router(connections)
    app.exception_handler(RemoteError)(_refused)
    app.exception_handler(HTTPException)(_not_served)
    app.exception_handler(RequestValidationError)(_not_valid)
    for kind in (TimeoutError, nats.errors.Error, OSError):
        app.exception_handler(kind)(_out_of_reach)
    return app


# Calls.


@calls.post("/startup", dependencies=_CALLS_WRITE)
async def start_call(operator: AnOperator, asked: Asked) -> dict[str, Any]:
    """Start a call without a browser; a sound is played by `inject_sound` once it is answered."""
    startup = translation.read_startup(asked)
    check_target(startup.callee)
    call_id, _ = translation.native_ids(startup.name)
    await _take_name(operator, call_id, startup.name)
    await operator.start_for(startup.credentials, call_id, Order(startup.callee, startup.name, startup.app_key))
    return {}


@calls.post("/find", dependencies=_CALLS_READ)
async def find_calls(operator: AnOperator, asked: Asked) -> list[dict[str, Any]]:
    """Return the calls with these fields; 404 where there is none."""
    if "callId" in asked:
        record = await _call(operator, asked)
        found = [translation.call_object(record, translation.read_call_id(asked))]
    else:
        found = await _all_calls(operator)
    return _some([one for one in found if translation.fits(one, asked)], "call")


@calls.api_route("/find_all", methods=["GET", "POST"], dependencies=_CALLS_READ)
async def find_all_calls(operator: AnOperator) -> list[dict[str, Any]]:
    """Return all calls; 404 where there is none."""
    return _some(await _all_calls(operator), "call")


@calls.post("/terminate", dependencies=_CALLS_WRITE)
async def terminate_call(operator: AnOperator, asked: Asked) -> dict[str, Any]:
    """Hang a call up."""
    await operator.command(HangupCall, (await _call(operator, asked)).call_id)
    return {}


@calls.post("/send_dtmf", dependencies=_CALLS_WRITE)
async def send_dtmf(operator: AnOperator, asked: Asked) -> dict[str, Any]:
    """Send digits to the far side."""
    digits, method = translation.read_digits(asked)
    await operator.command(SendDtmf, (await _call(operator, asked)).call_id, digits=digits, method=method)
    return {}


@calls.post("/inject_sound", dependencies=_CALLS_WRITE)
async def inject_sound(operator: AnOperator, asked: Asked) -> dict[str, Any]:
    """Play a sound to the far side."""
    name, is_looped = translation.read_sound(asked)
    sound = Sound(name=name, is_looped=is_looped)
    await operator.command(PlaySound, (await _call(operator, asked)).call_id, sound=sound)
    return {}


async def _call(operator: Operator, asked: dict[str, Any]) -> CallRecord:
    name = translation.read_call_id(asked)
    for call_id in translation.native_ids(name):
        entry = await operator.store.calls.get(call_id)
        if entry is not None:
            return entry.record
    raise HTTPException(HTTPStatus.NOT_FOUND, f"No call {name}")


async def _take_name(operator: Operator, call_id: str, name: str) -> None:
    """Note how the caller names a call; raise 409 where one of that name lives."""
    if await operator.store.calls.get(call_id) is not None:
        raise HTTPException(HTTPStatus.CONFLICT, f"Call {name} exists")
    record = NameRecord(call_id=call_id, name=name, created_at=time.time())
    entry = await operator.store.names.get(call_id)
    try:
        await operator.store.names.update(call_id, record, 0 if entry is None else entry.revision)
    except Conflict as error:
        raise HTTPException(HTTPStatus.CONFLICT, f"Call {name} is being started") from error


async def _all_calls(operator: Operator) -> list[dict[str, Any]]:
    names = {one.call_id: one.name for one in await read_all(operator.store.names)}
    records = await read_all(OfAllOwners(operator.store.calls))
    return [translation.call_object(record, names.get(record.call_id, "")) for record in records]


# Connections.


@connections.post("/startup", dependencies=_SESSIONS_WRITE)
async def start_connection(operator: AnOperator, asked: Asked) -> dict[str, Any]:
    """Open a session without a browser."""
    opened = await operator.open(translation.read_account(asked), Unattended(_IDLE_SECONDS))
    return translation.connection_object(opened)


@connections.post("/find", dependencies=_SESSIONS_READ)
async def find_connections(operator: AnOperator, asked: Asked) -> list[dict[str, Any]]:
    """Return the sessions with these fields; 404 where there is none."""
    found = [translation.connection_object(record) for record in await read_all(operator.store.accounts)]
    return _some([one for one in found if translation.fits(one, asked)], "connection")


@connections.api_route("/find_all", methods=["GET", "POST"], dependencies=_SESSIONS_READ)
async def find_all_connections(operator: AnOperator) -> list[dict[str, Any]]:
    """Return all sessions; 404 where there is none."""
    found = [translation.connection_object(record) for record in await read_all(operator.store.accounts)]
    return _some(found, "connection")


@connections.post("/terminate", dependencies=_SESSIONS_WRITE)
async def terminate_connection(operator: AnOperator, asked: Asked) -> dict[str, Any]:
    """End a session and its calls."""
    await operator.close(translation.read_session_id(asked))
    return {}


def _some(found: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No {what} found")
    return found


# Errors.


def _error(request: Request, status: int, message: str) -> Response:
    told = {
        "timestamp": int(time.time() * 1000),
        "status": status,
        "error": HTTPStatus(status).phrase,
        "message": message,
        "path": request.url.path,
    }
    return JSONResponse(told, status)


async def _refused(request: Request, error: RemoteError) -> Response:
    return _error(request, http_status(error.status), error.reason)


async def _not_served(request: Request, error: HTTPException) -> Response:
    return _error(request, error.status_code, error.detail)


async def _not_valid(request: Request, _: RequestValidationError) -> Response:
    return _error(request, HTTPStatus.BAD_REQUEST, "The body is not a JSON object")


async def _out_of_reach(request: Request, _: Exception) -> Response:
    return _error(request, HTTPStatus.SERVICE_UNAVAILABLE, "Records Are Out Of Reach")
