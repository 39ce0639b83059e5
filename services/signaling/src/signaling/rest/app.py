"""What is served where. There are no CORS headers: the API is for services, and pages of other origins have no key."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.routing import Mount
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


def mounts(pod: Pod) -> list[Mount]:
    """Return what is to be mounted."""
    settings = pod.settings
    if settings.rest_tokens and not (settings.jwt_key or settings.jwt_jwks_url):
        raise LocalError("CORDBOARD_SIGNALING_REST_TOKENS needs a JWT_KEY or a JWT_JWKS_URL")
    keys = Keys.read(settings.rest_keys) if settings.rest_keys else None
    authorizer = Authorizer(keys, pod.tokens if settings.rest_tokens else None)
    return [_mount(PATH, _native(pod, authorizer)), _mount(WCS_PATH, wcs.application(pod, authorizer, WCS_PATH))]


def _mount(path: str, app: ASGIApp) -> Mount:
    """Mount an application for all that lies under a path, also what has a line end in it."""
    mount = Mount(path, app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


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
    problems.install(app, _methods_at)
    return app


def _methods_at(path: str) -> set[str]:
    """Return what may be done with the resource at a path, by whichever routes."""
    routes = [route for route in (*sessions.routes.routes, *calls.routes.routes) if isinstance(route, APIRoute)]
    here = [route for route in routes if route.path_regex.match(path.removeprefix(PATH))]
    return {method for route in here for method in route.methods or ()}


class _Documented(FastAPI):
    """With the schema of problems, which no route names as what it returns."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        document["components"]["schemas"].update(problems.schemas())
        return document
