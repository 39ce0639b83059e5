"""A secret, public keys or a key set, read; each with the algorithms that it may be used for.

The key decides, never the token (RFC 8725 §3.1): a public key is no HMAC secret, and `none` is no key's algorithm.
"""

import re
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from ..core.key_set import Key

ALGORITHMS = ("HS256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

_SHORTEST_HMAC_KEY = 32  # bytes, RFC 7518 §3.2
_SHORTEST_RSA_KEY = 2048  # bits, RFC 7518 §3.3
_OF_RSA = frozenset(name for name in ALGORITHMS if name[:2] in ("RS", "PS"))
_OF_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}  # RFC 7518 §3.4
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


def read_keys(text: str) -> tuple[Key, ...]:
    """Read an HMAC secret, PEM public keys or certificates, or a JWK set; raise `ValueError` that says what is wrong.

    Several keys are for the time in which an issuer goes from one to the next.
    """
    if "-----BEGIN" in text:
        keys = tuple(_of_pem(found[0], found[1]) for found in _PEM.finditer(text))
        if not keys:
            raise ValueError("a PEM text without an end")
        return keys
    if text.lstrip().startswith("{"):
        try:
            return read_key_set(msgspec.json.decode(text))
        except msgspec.DecodeError as error:
            raise ValueError(f"not a JWK set: {error}") from error
    if len(text.encode()) < _SHORTEST_HMAC_KEY:
        raise ValueError(f"an HMAC secret has {_SHORTEST_HMAC_KEY} bytes or more")
    return (Key(text, frozenset({"HS256"})),)


def read_key_set(data: Any) -> tuple[Key, ...]:
    """Read the public keys of a JWK set that are for signatures; raise `ValueError` where there are none."""
    entries = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a JWK set")
    keys = tuple(key for entry in entries if isinstance(entry, dict) and (key := _of_jwk(entry)) is not None)
    if not keys:
        raise ValueError("a JWK set without a key that could be used")
    return keys


def _of_jwk(entry: dict[str, Any]) -> Key | None:
    """Return a key of a set; one of a kind or use that is not ours is none (RFC 7517 §5)."""
    named = entry.get("alg")
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        return None
    if named is not None and named not in ALGORITHMS:
        return None
    try:
        material = jwt.PyJWK.from_dict(entry).key
        algorithms = _algorithms_of(material)
    except (jwt.PyJWTError, ValueError):
        return None
    if named is not None:
        algorithms &= {named}
    return Key(material, algorithms, str(entry.get("kid", ""))) if algorithms else None


def _of_pem(text: str, kind: str) -> Key:
    if kind == "CERTIFICATE":
        material: object = load_pem_x509_certificate(text.encode()).public_key()
    else:
        material = load_pem_public_key(text.encode())
    return Key(material, _algorithms_of(material))


def _algorithms_of(material: object) -> frozenset[str]:
    match material:
        case rsa.RSAPublicKey():
            if material.key_size < _SHORTEST_RSA_KEY:
                raise ValueError(f"an RSA key has {_SHORTEST_RSA_KEY} bits or more")
            return _OF_RSA
        case ec.EllipticCurvePublicKey() if material.curve.name in _OF_CURVES:
            return frozenset({_OF_CURVES[material.curve.name]})
        case ed25519.Ed25519PublicKey():
            return frozenset({"EdDSA"})
        case _:
            raise ValueError("not a public key of RSA, of a NIST curve or of Ed25519")
