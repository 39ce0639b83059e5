"""What keys are taken, and what each may be used for."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from signaling.tokens.keys import read_key_set, read_keys

RSA = rsa.generate_private_key(65537, 2048).public_key()
SHORT_RSA = rsa.generate_private_key(65537, 1024).public_key()
EC = ec.generate_private_key(ec.SECP256R1()).public_key()
ED = ed25519.Ed25519PrivateKey.generate().public_key()
OF_RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


def pem(key: Any) -> str:
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def jwk(key: Any, **fields: Any) -> dict[str, Any]:
    algorithm = {rsa.RSAPublicKey: RSAAlgorithm, ec.EllipticCurvePublicKey: ECAlgorithm}
    kind = next((made for of, made in algorithm.items() if isinstance(key, of)), OKPAlgorithm)
    return {**json.loads(kind.to_jwk(key)), **fields}


@pytest.mark.parametrize(("key", "algorithms"), [(RSA, OF_RSA), (EC, {"ES256"}), (ED, {"EdDSA"})])
def test_a_public_key_is_for_algorithms_of_its_kind_only(key: Any, algorithms: set[str]) -> None:
    (found,) = read_keys(pem(key))
    assert found.algorithms == algorithms
    (found,) = read_key_set({"keys": [jwk(key, kid="one")]})
    assert (found.algorithms, found.key_id) == (algorithms, "one")


def test_a_file_may_have_the_old_key_and_the_new_one() -> None:
    assert [key.algorithms for key in read_keys(pem(EC) + "\n" + pem(ED))] == [{"ES256"}, {"EdDSA"}]
    assert len(read_keys(json.dumps({"keys": [jwk(EC), jwk(ED)]}))) == 2


def test_the_set_may_narrow_what_a_key_is_for() -> None:
    (key,) = read_key_set({"keys": [jwk(RSA, alg="PS256")]})
    assert key.algorithms == {"PS256"}


@pytest.mark.parametrize(
    "entry",
    [
        jwk(RSA, use="enc"),
        jwk(RSA, key_ops=["encrypt"]),
        jwk(RSA, alg="HS256"),
        jwk(RSA, alg="none"),
        jwk(SHORT_RSA),
        {"kty": "oct", "k": "c2VjcmV0" * 8, "alg": "HS256"},  # a secret that is published is none
        {"kty": "new"},
        {},
        7,
    ],
)
def test_entries_that_are_not_for_tokens_are_left_out(entry: Any) -> None:
    assert len(read_key_set({"keys": [entry, jwk(EC)]})) == 1
    with pytest.raises(ValueError, match="without a key"):
        read_key_set({"keys": [entry]})


@pytest.mark.parametrize(
    "text",
    [
        "short",
        "{}",
        "{",
        '{"keys": 7}',
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        pem(SHORT_RSA),
        pem(dsa.generate_private_key(1024).public_key()),
    ],
)
def test_what_is_no_key_is_told_at_the_start(text: str) -> None:
    with pytest.raises(ValueError):
        read_keys(text)
