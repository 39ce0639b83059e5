"""What a caller is told when something cannot be done: problem details (RFC 9457), and nowhere else.

What goes wrong with a call has a SIP status; `sip_status` keeps it, and the HTTP status is the nearest there is.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import nats.errors
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.errors import RemoteError

from ..core.http_status import http_status

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_ERRORS_SHOWN = 16
_OF_ALL = (400, 401, 403, 413, 422, 500, 503, 504)


class FieldError(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="Where it is, as `body.to` or `query.limit`.", examples=["body.to"])
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457). Its type is always `about:blank`: the status says what kind of problem it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "Call c-abcdefgh12345678 Does Not Exist",
                "sip_status": 481,
            }
        },
    )

    type: str = "about:blank"
    title: str = Field(description="The HTTP status in words.")
    status: int
    detail: str = Field(description="What went wrong this time, for people.")
    sip_status: int | None = Field(
        default=None, description="The SIP status behind it (RFC 3261 §21), if there is one."
    )
    errors: list[FieldError] | None = Field(default=None, description="Of a request that does not fit its schema.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the problems that a route may tell, beside those that any may."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, *_OF_ALL})
    }


def schemas() -> dict[str, Any]:
    """Return the schemas that `responses` refers to."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """Return a problem as a response."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, **members)
    return JSONResponse(told.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def install(app: FastAPI, methods_at: Callable[[str], set[str]]) -> None:
    """Let every error of an application be told as a problem; `methods_at` says what there is at a path."""

    async def not_served(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if "Allow" in headers:  # Starlette lists the methods of one route, RFC 9110 §10.2.1 wants the resource's
            headers["Allow"] = ", ".join(sorted(methods_at(request.url.path)))
        return problem(error.status_code, error.detail, headers)

    app.exception_handler(RemoteError)(_refused)
    app.exception_handler(HTTPException)(not_served)
    app.exception_handler(RequestValidationError)(_not_valid)
    for kind in (TimeoutError, nats.errors.Error, OSError):
        app.exception_handler(kind)(_out_of_reach)
    app.exception_handler(Exception)(_failed)


async def _refused(_: Request, error: RemoteError) -> Response:
    status = http_status(error.status)
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem(status, error.reason, headers, sip_status=error.status)


async def _not_valid(_: Request, error: RequestValidationError) -> Response:
    """The input itself is not told: it may be a password."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(HTTPStatus.BAD_REQUEST, "The body is not JSON")
    errors = [FieldError(field=".".join(str(part) for part in one["loc"]), message=one["msg"]) for one in found]
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not fit its schema", errors=errors[:_ERRORS_SHOWN]
    )


async def _out_of_reach(_: Request, error: Exception) -> Response:
    """Without KV nothing is known of any call."""
    _log.warning("records are out of reach", error=f"{type(error).__name__} {error}")
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "Records Are Out Of Reach", {"Retry-After": "1"})


async def _failed(_: Request, error: Exception) -> Response:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "A fault of the server; it is in its log")
