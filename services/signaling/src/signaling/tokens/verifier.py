"""The checks of a token, and what is left of one that passed them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import jwt
import structlog

from shared.errors import LocalError

from .. import metrics
from ..core.errors import PageError
from ..core.key_set import Key
from ..settings import Settings
from .keys import ALGORITHMS
from .sources import KeySource

_log = structlog.get_logger(__name__)

_LEEWAY = 10.0  # seconds that the clocks of issuer and pod may differ
_FAILURES: dict[type[jwt.PyJWTError], tuple[str, str]] = {
    jwt.ExpiredSignatureError: ("expired", "Token Has Expired"),
    jwt.ImmatureSignatureError: ("immature", "Token Is Not Valid Yet"),
    jwt.InvalidIssuerError: ("issuer", "Token Has Another Issuer"),
    jwt.InvalidAudienceError: ("audience", "Token Is For Another Audience"),
    jwt.MissingRequiredClaimError: ("claims", "Token Has No sub Or No exp"),
    jwt.InvalidAlgorithmError: ("algorithm", "Token Is Not Valid"),
    jwt.InvalidSignatureError: ("signature", "Token Is Not Valid"),
}


@dataclass(frozen=True)
class Verified:
    """A token that is what it says. `scopes` are what its bearer may do (RFC 8693 §4.2, RFC 9068 §2.2.3)."""

    subject: str
    scopes: frozenset[str]
    claims: dict[str, Any]


class Tokens:
    """Checks tokens under one pod's settings, with the keys of `source`."""

    def __init__(self, settings: Settings, source: KeySource | None) -> None:
        self._source = source
        self._issuer = settings.jwt_issuer or None
        self._audience = settings.jwt_audience or None
        self._allowed = frozenset(settings.jwt_algorithms)
        if unknown := self._allowed - set(ALGORITHMS):
            raise LocalError(
                f"CORDBOARD_SIGNALING_JWT_ALGORITHMS: {', '.join(sorted(unknown))}; known are {', '.join(ALGORITHMS)}"
            )

    async def verify(self, token: str, scopes: Iterable[str] = ()) -> Verified:
        """Return what a token says; raise `PageError`: 401, 403 where it lacks one of `scopes`, 503 without keys."""
        if self._source is None:
            raise refused("disabled", 403, "Tokens Are Not Set Up")
        try:
            header = jwt.get_unverified_header(token)
            claims = self._decoded(token, header, await self._source.keys(str(header.get("kid", ""))))
        except jwt.PyJWTError as error:
            label, reason = _FAILURES.get(type(error), ("invalid", "Token Is Not Valid"))
            raise refused(label, 401, reason) from error
        verified = Verified(claims["sub"], _scopes(claims), claims)
        if missing := frozenset(scopes) - verified.scopes:
            raise refused("scope", 403, f"Token Lacks The Scope {', '.join(sorted(missing))}")
        return verified

    def _decoded(self, token: str, header: dict[str, Any], keys: tuple[Key, ...]) -> dict[str, Any]:
        if not keys:
            raise refused("keys", 503, "Keys Of Tokens Are Out Of Reach")
        algorithm = str(header.get("alg"))
        fitting = [key for key in keys if key.fits(str(header.get("kid", "")))]
        if not fitting:
            raise refused("key", 401, "Token Has A Key That Is Not Known")
        usable = [key for key in fitting if algorithm in key.algorithms & self._allowed]
        if not usable:
            raise jwt.InvalidAlgorithmError
        for key in usable[:-1]:  # keys without a name: the token may be of any
            try:
                return self._decoded_by(key, token)
            except jwt.InvalidSignatureError:
                continue
        return self._decoded_by(usable[-1], token)

    def _decoded_by(self, key: Key, token: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            cast(Any, key.material),
            algorithms=sorted(key.algorithms & self._allowed),
            issuer=self._issuer,
            audience=self._audience,  # one that the token has and we have not is not ours (RFC 7519 §4.1.3)
            leeway=_LEEWAY,
            options={"require": ["exp", "sub"]},
        )

    async def aclose(self) -> None:
        """Leave the source."""
        if self._source is not None:
            await self._source.aclose()


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """Return the scopes: a text with spaces by the standards, a list with some issuers."""
    given = claims.get("scope", claims.get("scp", ""))
    if isinstance(given, str):
        return frozenset(given.split())
    return frozenset(one for one in given if isinstance(one, str)) if isinstance(given, list) else frozenset()


def refused(label: str, status: int, reason: str) -> PageError:
    """Count a refusal and return it as an error."""
    metrics.AUTH_FAILURES.labels(label).inc()
    _log.info("token refused", reason=reason)
    return PageError(status, reason)
