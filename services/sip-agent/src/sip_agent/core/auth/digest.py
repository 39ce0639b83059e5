"""Digest authentication (RFC 7616, RFC 8760 for SIP, RFC 2617 for old peers): challenges and credentials as text."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import LWS, TOKEN_CHARACTERS, quote, unquote
from sip_agent.core.syntax.message import Request, Response

_AUTH_PARAM = re.compile(
    rf"[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*=[ \t]*(\"(?:[^\"\\]|\\.)*+\"|[^\x00-\x20\x7f\",;]+)[ \t]*(?:,|$)", re.DOTALL
)
# A line may hold several challenges (§22.1 of RFC 3261 forbids it, RFC 7235 allows it): each starts with its scheme.
_SCHEME = re.compile(rf"[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]+(?=[{TOKEN_CHARACTERS}]+[ \t]*=)")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sha512_256(text: str) -> str:
    return hashlib.new("sha512_256", text.encode("utf-8", "surrogateescape")).hexdigest()


# A registrar, proxies on the way out, and some change of mind. A server that names a new realm each time ends here.
MAX_REALMS = 4
# Of one request: each server on its way asks once, and once more for a nonce that was too old.
MAX_ANSWERS = 2 * MAX_REALMS

Hash: TypeAlias = Callable[[str], str]
# The strongest first: the order in which we choose (RFC 8760 §2.3 leaves the order of a challenge to the server).
HASHES: dict[str, Hash] = {"SHA-512-256": _sha512_256, "SHA-256": _sha256, "MD5": _md5}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate. `algorithm` is in upper case, with its "-SESS" if any."""

    scheme: str
    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False
    proxy: bool = False

    @classmethod
    def parse(cls, value: str, proxy: bool = False) -> "Challenge":
        """Read the first challenge of a header value."""
        return cls.parse_all([value], proxy)[0]

    @classmethod
    def parse_all(cls, values: Iterable[str], proxy: bool = False) -> list["Challenge"]:
        """Read every challenge of several header values, of any scheme."""
        return [
            cls(
                scheme,
                params.get("realm", ""),
                params.get("nonce", ""),
                params.get("algorithm", "MD5").upper(),
                tuple([item.strip(LWS).lower() for item in params["qop"].split(",")]) if "qop" in params else (),
                params.get("opaque"),
                params.get("stale", "").lower() == "true",
                proxy,
            )
            for value in values
            for scheme, params in _divide(value)
        ]

    @property
    def hash(self) -> Hash | None:
        """The hash function, when we know it."""
        return HASHES.get(self.algorithm.removesuffix("-SESS"))

    @property
    def usable(self) -> bool:
        """Whether we can answer it: Digest, a known hash, and either no qop or one of auth and auth-int."""
        return (
            self.scheme.lower() == "digest"
            and self.nonce != ""
            and self.hash is not None
            and (not self.qop or "auth" in self.qop or "auth-int" in self.qop)
        )


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who we are. `realm` None answers every realm, another value only its own."""

    username: str
    password: str
    realm: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, realm={self.realm!r})"


@dataclass(slots=True)
class _Session:
    """A nonce that the server took, with how often we used it."""

    challenge: Challenge
    count: int = 0
    cnonce: str = ""  # of the first use: the -sess hash is bound to it (RFC 7616 §3.4.2)
    answers: int = 0  # that its request has needed so far, this one included
    is_second: bool = False  # replaces one that was called stale when it was fresh: that is believed once


class DigestClient:
    """Answers challenges for one account, and signs later requests with the nonce that was good before.

    `cnonce` gives a fresh random token each time.
    """

    __slots__ = ("_credentials", "_cnonce", "_sessions", "_realms")

    def __init__(self, credentials: Credentials, cnonce: Callable[[], str]) -> None:
        self._credentials = credentials
        self._cnonce = cnonce
        self._sessions: dict[tuple[str, bool], _Session] = {}
        self._realms: tuple[str, ...] = ()

    @property
    def knows_realm(self) -> bool:
        """Whether a challenge was answered before."""
        return bool(self._realms)

    def answer(self, request: Request, response: Response, may_learn: bool = True) -> list[tuple[str, str]]:
        """The fields for sending `request` again after this 401 or 407; none when that would be of no use.

        None means that no challenge can be met, or that a fresh nonce was refused: the password is wrong (RFC 7616
        §3.3). A nonce that had been good before may just be too old, so it is replaced once.

        Every answer lets whoever challenged try passwords on it. So a realm is learned only where the caller says
        that the challenge may be from the account's own servers, and these have few.
        """
        refused = _fresh_realms(request)
        # Two servers that refuse in turn what the other one has let pass would go on without end.
        answers = 1 + max((self._sessions[key].answers for key in refused if key in self._sessions), default=0)
        if answers > MAX_ANSWERS:
            return []
        chosen: dict[tuple[str, bool], Challenge] = {}
        for proxy in (False, True):
            name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
            for challenge in Challenge.parse_all(response.headers.get_all(name), proxy):
                key = (challenge.realm, proxy)
                met = {*self._realms, *(realm for realm, _ in chosen)}
                if not self._acceptable(challenge, met, may_learn):
                    continue
                if key in refused and not self._may_be_stale(challenge, key):
                    self._sessions.pop(key, None)
                    return []
                if key not in chosen or _strength(challenge) < _strength(chosen[key]):
                    chosen[key] = challenge
        for key, challenge in chosen.items():
            self._sessions[key] = _Session(challenge, answers=answers, is_second=key in refused)
            if challenge.realm not in self._realms:
                self._realms += (challenge.realm,)
        return self.authorize(request) if chosen else []

    def authorize(self, request: Request, only_proxies: bool = False) -> list[tuple[str, str]]:
        """The Authorization and Proxy-Authorization fields for a request, from the nonces at hand.

        `only_proxies`: what proves us to a registrar would reach the callee, who may use it again.
        """
        return [
            ("Proxy-Authorization" if proxy else "Authorization", self._sign(session, request))
            for (_, proxy), session in self._sessions.items()
            if proxy or not only_proxies
        ]

    def forget(self) -> None:
        """Drop the nonces: the next request goes out unsigned."""
        self._sessions.clear()

    def _acceptable(self, challenge: Challenge, met: set[str], may_learn: bool) -> bool:
        realm = self._credentials.realm
        if not challenge.usable or realm not in (None, challenge.realm):
            return False
        return challenge.realm in self._realms or (may_learn and len(met - {challenge.realm}) < MAX_REALMS)

    def _may_be_stale(self, challenge: Challenge, key: tuple[str, bool]) -> bool:
        known = self._sessions.get(key)
        return challenge.stale and known is not None and not known.is_second

    def _sign(self, session: _Session, request: Request) -> str:
        challenge, username = session.challenge, self._credentials.username
        session.count += 1
        qop = "auth" if "auth" in challenge.qop else "auth-int" if challenge.qop else None
        session.cnonce = session.cnonce or self._cnonce()
        cnonce, nc = session.cnonce, f"{session.count:08x}"
        hash_ = challenge.hash
        assert hash_ is not None, "unusable challenges are not kept"
        ha1 = hash_(f"{username}:{challenge.realm}:{self._credentials.password}")
        response = compute_response(challenge, ha1, request.method, request.uri, nc, cnonce, qop, request.body)
        fields = [
            f"username={quote(username)}",
            f"realm={quote(challenge.realm)}",
            f"nonce={quote(challenge.nonce)}",
            f"uri={quote(request.uri)}",
            f'response="{response}"',
            f"algorithm={_spelled(challenge.algorithm)}",
        ]
        if qop is not None:
            fields += [f"qop={qop}", f"nc={nc}"]
        if qop is not None or challenge.algorithm.endswith("-SESS"):
            fields.append(f'cnonce="{cnonce}"')
        if challenge.opaque is not None:
            fields.append(f"opaque={quote(challenge.opaque)}")
        return "Digest " + ", ".join(fields)


def hash_password(username: str, realm: str, password: str, algorithm: str) -> str:
    """HA1, which is all that a server need keep of a password (RFC 7616 §3.4.2)."""
    return HASHES[algorithm](f"{username}:{realm}:{password}")


def compute_response(
    challenge: Challenge,
    ha1: str,
    method: str,
    uri: str,
    nc: str,
    cnonce: str,
    qop: str | None,
    body: bytes = b"",
) -> str:
    """The response of RFC 7616 §3.4.1, or of RFC 2069 where there is no qop."""
    hash_ = challenge.hash
    if hash_ is None:
        raise SipError(400, "Bad Digest Algorithm")
    if challenge.algorithm.endswith("-SESS"):
        ha1 = hash_(f"{ha1}:{challenge.nonce}:{cnonce}")
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 += ":" + hash_(body.decode("utf-8", "surrogateescape"))
    if qop is None:
        return hash_(f"{ha1}:{challenge.nonce}:{hash_(a2)}")
    return hash_(f"{ha1}:{challenge.nonce}:{nc}:{cnonce}:{qop}:{hash_(a2)}")


def parse_credentials(value: str) -> dict[str, str]:
    """The parameters of an Authorization header value, names in lower case; 400 when it is not Digest."""
    divided = _divide(value)
    if len(divided) != 1 or divided[0][0].lower() != "digest":
        raise SipError(400, "Bad Authorization")
    return divided[0][1]


def _divide(value: str) -> list[tuple[str, dict[str, str]]]:
    """The schemes in a header value, each with its parameters unquoted."""
    divided: list[tuple[str, dict[str, str]]] = []
    position, end = 0, len(value)
    while position < end:
        scheme = _SCHEME.match(value, position)
        if scheme is not None:
            divided.append((scheme[1], {}))
            position = scheme.end()
        param = _AUTH_PARAM.match(value, position)
        if param is None or not divided:
            raise SipError(400, "Bad Challenge")
        divided[-1][1][param[1].lower()] = unquote(param[2])
        position = param.end()
    if not divided:
        raise SipError(400, "Bad Challenge")
    return divided


def _fresh_realms(request: Request) -> set[tuple[str, bool]]:
    """The realms for which `request` was signed with a nonce never used before."""
    realms: set[tuple[str, bool]] = set()
    for name, proxy in (("Authorization", False), ("Proxy-Authorization", True)):
        for value in request.headers.get_all(name):
            fields = parse_credentials(value)
            if int(fields.get("nc", "1"), 16) == 1:
                realms.add((fields.get("realm", ""), proxy))
    return realms


def _strength(challenge: Challenge) -> int:
    return list(HASHES).index(challenge.algorithm.removesuffix("-SESS"))


def _spelled(algorithm: str) -> str:
    return algorithm.replace("-SESS", "-sess")
