"""Digest authentication, the side that challenges (RFC 7616 §3.3).

A nonce is a time, some salt and a keyed hash of both, so any pod that has the secret can check a nonce that another one
made. How far a nonce has been counted is known only to the pod that was shown it: whoever can read a request can send
it once more to each other pod, until the nonce expires.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sip_agent.core.auth.digest import HASHES, Challenge, compute_response, parse_credentials
from sip_agent.core.auth.nonce_counts import NonceCounts
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import quote
from sip_agent.core.syntax.uri import SipUri

FindHashes: TypeAlias = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An Authorization value for our realm, as it was sent."""

    username: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    qop: str
    nc: str
    cnonce: str


@dataclass(frozen=True, slots=True)
class Ok:
    """The request is from `username`."""

    username: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The answer is right, but its nonce too old or its count used: challenge again and ask nobody for a password."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """No such user, a wrong password, a nonce that we never made, or no Digest at all."""


Verdict: TypeAlias = Ok | Stale | Wrong


class DigestServer:
    """Challenges and checks for one realm. Every pod is given the same `secret`; `salt` is fresh text each time.

    Nonces made with a secret of `also` are taken, too.
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        salt: Callable[[], str],
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        lifetime: float = 300.0,
        also: Sequence[bytes] = (),
    ) -> None:
        self.realm = realm
        self._secrets = (secret, *also)
        self._salt = salt
        # RFC 8760 §2.4: the preferred one first.
        self._algorithms = [name for name in HASHES if name in algorithms]
        self._lifetime = lifetime
        self._counts = NonceCounts(2 * lifetime)

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """The values of as many WWW-Authenticate (or Proxy-Authenticate) fields."""
        nonce = self._nonce(self._secrets[0], f"{int(now):x}.{self._salt()}")
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"'
            + (", stale=true" if stale else "")
            for algorithm in self._algorithms
        ]

    def read(self, values: Iterable[str]) -> Answer | None:
        """Return the first answer for our realm, None if there is none; others are not ours to judge.

        One is all that is judged of a request: several would be as many guesses.
        """
        for value in values:
            if value.replace("\t", " ").partition(" ")[0].lower() != "digest":
                continue
            fields = parse_credentials(value)
            if fields.get("realm") == self.realm:
                return _answer(fields)
        return None

    def is_known(self, answer: Answer) -> bool:
        """Whether this nonce has proven this user here before."""
        return self._counts.user(answer.nonce) == answer.username

    def check(self, answer: Answer, method: str, uri: SipUri, find_hashes: FindHashes, now: float) -> Verdict:
        """Judge an answer of a request with that method and Request-URI.

        `find_hashes(username, algorithm)` gives the hashes of user, realm and password (`digest.hash_password`) that
        are accepted, as many for a user who does not exist.
        """
        made_at = self._made_at(answer.nonce)
        if made_at is None or answer.algorithm not in self._algorithms or answer.qop != "auth":
            return Wrong()
        self._check_uri(answer.uri, uri)
        challenge = Challenge("Digest", self.realm, answer.nonce, answer.algorithm)
        is_right = False
        for ha1 in find_hashes(answer.username, answer.algorithm):
            expected = compute_response(challenge, ha1, method, answer.uri, answer.nc, answer.cnonce, answer.qop)
            is_right |= hmac.compare_digest(expected.encode(), answer.response.lower().encode("utf-8", "replace"))
        if not is_right:
            return Wrong()
        is_next = self._counts.use(answer.nonce, answer.username, _count(answer.nc), now)
        if not is_next or not 0 <= now - made_at + 1 <= self._lifetime + 1:
            return Stale()
        return Ok(answer.username)

    def _check_uri(self, signed: str, uri: SipUri) -> None:
        # RFC 7616 §3.4.6, as far as proxies allow, which rewrite the Request-URI (RFC 3261 §22.4): the user stays, and
        # the host is the one asked or our own. An answer that was overheard is no good for another callee.
        try:
            named = SipUri.parse(signed)
        except SipError:
            named = None
        if named is None or named.user != uri.user or named.host.lower() not in (uri.host.lower(), self.realm.lower()):
            raise SipError(400, "Digest URI Does Not Match")

    def _nonce(self, secret: bytes, stamp: str) -> str:
        text = f"{self.realm}:{stamp}".encode("utf-8", "replace")
        return f"{stamp}.{hmac.digest(secret, text, 'sha256').hex()[:32]}"

    def _made_at(self, nonce: str) -> int | None:
        stamp = nonce.rpartition(".")[0]
        # "replace": a peer may write anything, also what is no UTF-8.
        theirs, *ours = (
            text.encode("utf-8", "replace") for text in (nonce, *(self._nonce(one, stamp) for one in self._secrets))
        )
        if not any(hmac.compare_digest(one, theirs) for one in ours):
            return None
        return int(stamp.partition(".")[0], 16)


def _answer(fields: dict[str, str]) -> Answer:
    try:
        return Answer(
            fields["username"],
            fields["nonce"],
            fields["uri"],
            fields["response"],
            fields.get("algorithm", "MD5").upper(),
            fields.get("qop", ""),
            fields.get("nc", ""),
            fields.get("cnonce", ""),
        )
    except KeyError:
        raise SipError(400, "Bad Authorization") from None


def _count(nc: str) -> int:
    # RFC 7616 §3.4: eight hexadecimal digits; it was part of what was hashed, so a wrong one is the client's own.
    if len(nc) != 8 or not all(digit in "0123456789abcdefABCDEF" for digit in nc):
        raise SipError(400, "Bad Nonce Count")
    return int(nc, 16)
