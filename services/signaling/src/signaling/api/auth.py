"""Whose account a log-in means: SIP credentials as they are, or the claims of a JWT (RFC 7519).

The key decides the algorithm, never the token: a PEM key takes its own kind, anything else is an HMAC secret.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from shared.errors import LocalError
from shared.messages import SipAccount
from shared.sealing import Seal, account_password

from .. import metrics
from ..core.errors import PageError
from ..core.fields import Login
from ..core.requests import AccountClaim, LoginRequest, SipCredentials
from ..settings import Settings

_log = structlog.get_logger(__name__)

_LEEWAY = 10.0  # seconds that the clocks of issuer and pod may differ
_SHORTEST_HMAC_KEY = 32  # RFC 7518 §3.2
_FAILURES: dict[type[jwt.PyJWTError], tuple[str, str]] = {
    jwt.ExpiredSignatureError: ("expired", "Token Has Expired"),
    jwt.ImmatureSignatureError: ("immature", "Token Is Not Valid Yet"),
    jwt.InvalidIssuerError: ("issuer", "Token Has Another Issuer"),
    jwt.InvalidAudienceError: ("audience", "Token Is For Another Audience"),
    jwt.MissingRequiredClaimError: ("claims", "Token Has No sub Or No exp"),
}


@dataclass(frozen=True)
class Identity:
    """An account, not sealed yet."""

    login: str
    domain: str
    password: str
    account: AccountClaim | SipCredentials

    @property
    def aor(self) -> str:
        """The address of record (RFC 3261 §6), for people."""
        return f"{self.login}@{self.domain}"

    def sealed(self, seal: Seal, session_id: str) -> SipAccount:
        """Return the account as the bus may carry it."""
        return SipAccount(
            login=self.login,
            domain=self.domain,
            auth_name=self.account.auth_name,
            sealed_password=seal.seal(self.password, session_id) if self.password else "",
            outbound_proxy=self.account.outbound_proxy,
            port=self.account.port,
            transport=self.account.transport,
            register_required=self.account.register,
            display_name=self.account.display_name,
        )


class Authenticator:
    """Reads log-ins under one pod's settings."""

    def __init__(self, settings: Settings) -> None:
        self._domain = settings.domain
        self._secret = settings.secret
        self._issuer = settings.jwt_issuer or None
        self._audience = settings.jwt_audience or None
        self._key, self._algorithms = _read_key(settings.jwt_key)

    def vouched(self, account: SipCredentials, is_named: bool) -> Identity:
        """Return the account that the operator's web server names; in the built-in domain that needs no password."""
        domain, password = account.domain or self._domain, account.password
        if is_named and not password and domain.lower() == self._domain.lower():
            password = account_password(self._secret, f"{account.login}@{domain}")
        return Identity(account.login, domain, password, account)

    def identify(self, request: LoginRequest) -> Identity | None:
        """Return the account of a log-in, None where it names none; raise `PageError` 401 or 403."""
        if request.sip is not None:
            return Identity(request.sip.login, request.sip.domain or self._domain, request.sip.password, request.sip)
        if request.jwt is None:
            return None
        return self._from_claims(self._verified(request.jwt))

    def _verified(self, token: str) -> dict[str, Any]:
        if not self._key:
            raise self._failure("disabled", 403, "Log-in By JWT Is Not Set Up")
        try:
            return jwt.decode(
                token,
                self._key,
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
        except jwt.PyJWTError as error:
            label, reason = _FAILURES.get(type(error), ("invalid", "Token Is Not Valid"))
            raise self._failure(label, 401, reason) from error

    def _from_claims(self, claims: dict[str, Any]) -> Identity:
        try:
            account = msgspec.convert(claims.get("cordboard", {}), AccountClaim)
            user, _, domain = str(claims["sub"]).removeprefix("sip:").partition("@")
            login = account.login or msgspec.convert(user, Login)
            domain = account.domain or domain or self._domain
            # The domain of `sub` is held to the same grammar as that of the claim.
            msgspec.convert({"domain": domain}, AccountClaim)
        except msgspec.ValidationError as error:
            raise self._failure("claims", 403, f"Token Names No Account: {error}") from error
        password = account.password
        if not password and domain.lower() == self._domain.lower():
            password = account_password(self._secret, f"{login}@{domain}")
        return Identity(login, domain, password, account)

    def _failure(self, label: str, status: int, reason: str) -> PageError:
        metrics.AUTH_FAILURES.labels(label).inc()
        _log.info("token refused", reason=reason)
        return PageError(status, reason)


def _read_key(setting: str) -> tuple[str, list[str]]:
    if not setting:
        return "", []
    text = setting
    if "-----BEGIN" not in text and text.startswith("/"):
        try:
            text = Path(text).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise LocalError(f"CORDBOARD_SIGNALING_JWT_KEY: {error}") from error
    if "-----BEGIN" not in text:
        if len(text) < _SHORTEST_HMAC_KEY:
            raise LocalError(f"CORDBOARD_SIGNALING_JWT_KEY: an HMAC secret has {_SHORTEST_HMAC_KEY} bytes or more")
        return text, ["HS256"]
    try:
        public = load_pem_public_key(text.encode())
    except ValueError as error:
        raise LocalError(f"CORDBOARD_SIGNALING_JWT_KEY: {error}") from error
    match public:
        case rsa.RSAPublicKey():
            return text, ["RS256", "PS256"]
        case ec.EllipticCurvePublicKey():
            return text, ["ES256"]
        case ed25519.Ed25519PublicKey():
            return text, ["EdDSA"]
        case _:
            raise LocalError("CORDBOARD_SIGNALING_JWT_KEY: not an RSA, EC or Ed25519 key")
