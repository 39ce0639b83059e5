"""Which tokens are taken, and what their bearers may do."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.errors import LocalError
from signaling.core.errors import PageError
from signaling.settings import Settings
from signaling.tokens import Tokens, source_of

SECRET = "a key that has at least thirty-two bytes"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def tokens(**settings: Any) -> Tokens:
    given = Settings(**{"jwt_key": SECRET, "jwt_issuer": "me", "jwt_audience": "cordboard", **settings})
    return Tokens(given, source_of(given))


def token(key: Any = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    given = {"sub": "alice", "exp": time.time() + 60, "iss": "me", "aud": "cordboard", **claims}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm, headers)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refusal(verifier: Tokens, text: str, *scopes: str) -> int:
    with pytest.raises(PageError) as refused:
        await verifier.verify(text, scopes)
    return refused.value.status


async def test_a_good_token_says_who_it_is_and_what_he_may() -> None:
    verified = await tokens().verify(token(scope="calls:read calls:write"), ["calls:write"])
    assert (verified.subject, verified.scopes) == ("alice", {"calls:read", "calls:write"})


@pytest.mark.parametrize("scopes", [{}, {"scope": "calls:read"}, {"scp": ["calls:read"]}, {"scope": 7}])
async def test_a_token_without_the_scope_is_forbidden(scopes: dict[str, Any]) -> None:
    assert await refusal(tokens(), token(**scopes), "calls:write") == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": time.time() - 3600},
        {"exp": None},
        {"sub": None},
        {"sub": 7},
        {"nbf": time.time() + 3600},
        {"iat": time.time() + 3600},
        {"iss": "you"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
    ],
)
async def test_a_claim_that_is_wrong_or_missing_is_unauthorized(claims: dict[str, Any]) -> None:
    assert await refusal(tokens(), token(**claims)) == 401


async def test_a_token_for_somebody_is_not_for_a_pod_without_a_name() -> None:
    verifier = tokens(jwt_audience="")
    assert await refusal(verifier, token()) == 401
    await verifier.verify(token(aud=None))


async def test_a_public_key_is_no_secret() -> None:
    verifier = tokens(jwt_key=pem(RSA))
    head, body = {"alg": "HS256"}, {"sub": "alice", "exp": time.time() + 60, "iss": "me", "aud": "cordboard"}
    signed = f"{base64url(json.dumps(head).encode())}.{base64url(json.dumps(body).encode())}"
    forged = f"{signed}.{base64url(hmac.digest(pem(RSA).encode(), signed.encode(), 'sha256'))}"
    assert await refusal(verifier, forged) == 401
    await verifier.verify(token(RSA, "RS256"))


async def test_neither_none_nor_an_algorithm_that_is_not_allowed() -> None:
    assert await refusal(tokens(), token(None, "none")) == 401
    verifier = tokens(jwt_key=pem(RSA), jwt_algorithms=("PS256",))
    assert await refusal(verifier, token(RSA, "RS256")) == 401
    await verifier.verify(token(RSA, "PS256"))


async def test_a_token_may_be_of_the_old_key_or_of_the_new_one() -> None:
    second = ec.generate_private_key(ec.SECP256R1())
    verifier = tokens(jwt_key=pem(EC) + pem(second))
    await verifier.verify(token(EC, "ES256"))
    await verifier.verify(token(second, "ES256", {"kid": "of no meaning here"}))
    assert await refusal(verifier, token(ec.generate_private_key(ec.SECP256R1()), "ES256")) == 401


@pytest.mark.parametrize("text", ["", ".", "a.b", "a.b.c", "é.é.é", "e30.e30.", '{"alg": ["HS256"]}'])
async def test_what_is_no_token_is_unauthorized(text: str) -> None:
    assert await refusal(tokens(), text) == 401


async def test_without_a_key_no_token_is_taken() -> None:
    assert await refusal(tokens(jwt_key=""), token()) == 403


@pytest.mark.parametrize(
    "settings",
    [
        {"jwt_algorithms": ("none",)},
        {"jwt_algorithms": ("RS256", "HS1")},
        {"jwt_key": "too short"},
        {"jwt_key": "/of/no/file"},
        {"jwt_jwks_url": "https://issuer.example.org/keys"},
        {"jwt_key": "", "jwt_jwks_url": "https://issuer.example.org/keys", "jwt_audience": ""},
        {"jwt_key": "", "jwt_jwks_url": "https://issuer.example.org/keys", "jwt_issuer": ""},
        {"jwt_key": "", "jwt_jwks_url": "file:///etc/passwd"},
    ],
)
def test_settings_that_would_let_strangers_in_stop_the_pod(settings: dict[str, Any]) -> None:
    with pytest.raises(LocalError, match="CORDBOARD_SIGNALING_JWT"):
        tokens(**settings)
