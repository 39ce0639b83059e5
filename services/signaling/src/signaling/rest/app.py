"""What is served where. There are no CORS headers: the API is for services, and pages of other origins have no key."""

from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from shared.errors import LocalError

from ..pod import Pod
from ..settings import Settings
from . import calls, problems, sessions, wcs
from .authorization import Authorizer, Guard
from .bodies import BoundedBody
from .keys import Keys
from .operator import Operator

PATH = "/api/v1"
WCS_PATH = "/rest-api"
_DOCUMENT = "/openapi.json"

_ABOUT = """Calls and sessions of a Cordboard cluster, for other services. Any pod answers for any call.

A request that changes something may have an `Idempotency-Key`. Errors are problem details (RFC 9457); `sip_status` is
the SIP status behind one. No scope goes round the limits that the agents set to calls and destinations.
"""


def is_on(settings: Settings) -> bool:
    """Whether there is anybody who could be let in."""
    return bool(settings.rest_keys) or settings.rest_tokens


def applications(pod: Pod) -> dict[str, ASGIApp]:
    """Return what is to be mounted, by its path."""
    settings = pod.settings
    if settings.rest_tokens and not (settings.jwt_key or settings.jwt_jwks_url):
        raise LocalError("CORDBOARD_SIGNALING_REST_TOKENS needs a JWT_KEY or a JWT_JWKS_URL")
    keys = Keys.read(settings.rest_keys) if settings.rest_keys else None
    authorizer = Authorizer(keys, pod.tokens if settings.rest_tokens else None)
    return {PATH: _native(pod, authorizer), WCS_PATH: wcs.application(pod, authorizer, WCS_PATH)}


def _native(pod: Pod, authorizer: Authorizer) -> FastAPI:
    app = _Documented(
        title="Cordboard",
        version="1",
        description=_ABOUT,
        openapi_url=_DOCUMENT,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(Guard, authorizer=authorizer, public=frozenset({PATH + _DOCUMENT})),
            Middleware(BoundedBody),
        ],
        servers=[{"url": PATH}],
        root_path_in_servers=False,
    )
    app.state.operator = Operator(pod, PATH)
    app.state.store = pod.store
    app.include_router(sessions.routes)
    app.include_router(calls.routes)
    problems.install(app)
    return app


class _Documented(FastAPI):
    """With the schema of problems, which no route names as what it returns."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        document["components"]["schemas"].update(problems.schemas())
        return document
