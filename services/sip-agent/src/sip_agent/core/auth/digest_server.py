"""Digest authentication, the side that challenges (RFC 7616 §3.3). It keeps nothing between requests.

A nonce is a time and a keyed hash of it, so any pod that has the secret can check a nonce that another one made.
What this gives up is noticing a repeated nonce count: whoever can read a request can send it again until the nonce
expires, which on an unencrypted transport they could do anyway.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sip_agent.core.auth.digest import Challenge, compute_response, parse_credentials
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import quote

_OFFERED = ("SHA-256", "MD5")  # RFC 8760 §2.4: the preferred one first


@dataclass(frozen=True, slots=True)
class Ok:
    """The request is from `username`."""

    username: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The answer is right but the nonce too old: challenge again with stale=true and ask nobody for a password."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """No such user, a wrong password, or a nonce that we never made."""


Verdict: TypeAlias = Ok | Stale | Wrong


class DigestServer:
    """Challenges and checks for one realm. Every pod is given the same `secret`."""

    def __init__(self, realm: str, secret: bytes, lifetime: float = 300.0) -> None:
        self.realm = realm
        self._secret = secret
        self._lifetime = lifetime

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """The values of as many WWW-Authenticate (or Proxy-Authenticate) fields."""
        nonce = self._nonce(int(now))
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"'
            + (", stale=true" if stale else "")
            for algorithm in _OFFERED
        ]

    def check(self, header: str, method: str, find_ha1: Callable[[str, str], str | None], now: float) -> Verdict:
        """Judge an Authorization value of a request with that method.

        `find_ha1(username, algorithm)` gives the hash of user, realm and password, see `digest.hash_password`. The
        `uri` parameter may differ from the Request-URI, which proxies rewrite (RFC 3261 §22.4), so it is not compared.
        """
        fields = parse_credentials(header)
        try:
            username, nonce, response = fields["username"], fields["nonce"], fields["response"]
            signed_uri = fields["uri"]
        except KeyError:
            raise SipError(400, "Bad Authorization") from None
        algorithm = fields.get("algorithm", "MD5").upper()
        qop = fields.get("qop")
        made_at = self._made_at(nonce)
        if made_at is None or algorithm not in _OFFERED or qop != "auth" or fields.get("realm") != self.realm:
            return Wrong()
        ha1 = find_ha1(username, algorithm)
        expected = compute_response(
            Challenge("Digest", self.realm, nonce, algorithm),
            ha1 or "",
            method,
            signed_uri,
            fields.get("nc", ""),
            fields.get("cnonce", ""),
            qop,
        )
        if ha1 is None or not hmac.compare_digest(expected.encode(), response.lower().encode("utf-8", "replace")):
            return Wrong()
        if not 0 <= now - made_at + 1 <= self._lifetime + 1:
            return Stale()
        return Ok(username)

    def _nonce(self, made_at: int) -> str:
        stamp = f"{made_at:x}"
        return f"{stamp}.{hmac.digest(self._secret, f'{self.realm}:{stamp}'.encode(), 'sha256').hex()[:32]}"

    def _made_at(self, nonce: str) -> int | None:
        stamp = nonce.partition(".")[0]
        try:
            made_at = int(stamp, 16)
        except ValueError:
            return None
        return made_at if hmac.compare_digest(self._nonce(made_at).encode(), nonce.encode("utf-8", "replace")) else None
