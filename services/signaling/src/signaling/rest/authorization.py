"""Who asks, and what he may do: by an API key or by a token with scopes (RFC 6750).

A key comes as `Bearer`, or as the password of `Basic` (RFC 7617), whose user is not looked at: clients of WCS know
nothing else. Nobody is let in before his body is read, and nobody is told which of the two was wrong.
"""

import base64
import binascii
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPBasic, HTTPBearer, SecurityScopes
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from shared.errors import RemoteError

from .. import metrics
from ..core.errors import PageError
from ..tokens import Tokens
from .keys import Keys
from .principal import Principal
from .problems import problem

_CHALLENGE = 'Bearer realm="cordboard"'
_REFUSED = "Neither an API key nor a token that is valid"

# For the OpenAPI document; what they read is not used.
_SCHEMES = (
    HTTPBearer(auto_error=False, description="An API key, or a JWT with scopes."),
    HTTPBasic(auto_error=False, description="An API key as the password, with any user."),
)


class Authorizer:
    """Knows keys, tokens, or both."""

    def __init__(self, keys: Keys | None, tokens: Tokens | None) -> None:
        self._keys = keys
        self._tokens = tokens

    async def authorize(self, headers: Headers) -> Principal:
        """Return who asks; raise `PageError` 401, or 503 while no token can be checked."""
        credential = _credential(headers.get("authorization", ""))
        found = self._keys.find(credential) if self._keys is not None and credential else None
        if found is not None:
            return found
        if self._tokens is None or credential.count(".") != 2:
            metrics.AUTH_FAILURES.labels("api_key").inc()
            raise PageError(401, _REFUSED)
        token = await self._tokens.verify(credential)
        return Principal(f"token:{token.subject}", token.scopes)


def _credential(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeError):
            return ""
    return ""


class Guard:
    """The middleware that lets nobody in who is not known. What is `public` is for all."""

    def __init__(self, app: ASGIApp, authorizer: Authorizer, public: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._authorizer = authorizer
        self._public = public

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass on what a principal asks."""
        if connection["type"] == "http" and connection["path"] not in self._public:
            try:
                principal = await self._authorizer.authorize(Headers(scope=connection))
            except RemoteError as error:
                status = error.status if error.status in (401, 503) else 401
                headers = {"WWW-Authenticate": _CHALLENGE} if status == 401 else {"Retry-After": "1"}
                await problem(status, error.reason, headers)(connection, receive, send)
                return
            connection.setdefault("state", {})["principal"] = principal
        await self._app(connection, receive, send)


def principal_of(request: Request) -> Principal:
    """Return who was let in."""
    principal: Principal = request.state.principal
    return principal


async def permitted(
    request: Request,
    needed: SecurityScopes,
    _bearer: Annotated[object, Depends(_SCHEMES[0])] = None,
    _basic: Annotated[object, Depends(_SCHEMES[1])] = None,
) -> Principal:
    """Return who asks if he has the scopes that a route needs; else 403 (RFC 6750 §3.1)."""
    principal = principal_of(request)
    if missing := frozenset(needed.scopes) - principal.scopes:
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{" ".join(needed.scopes)}"'
        detail = f"The scope {', '.join(sorted(missing))} is needed"
        raise HTTPException(403, detail, {"WWW-Authenticate": challenge})
    return principal
