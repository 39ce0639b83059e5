"""This process's DTLS certificate: self-signed ECDSA P-256, made at start and never stored.

Two relays must not share one: a browser would take the second for the first, keep its old keys and be silent.
"""

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFETIME = datetime.timedelta(days=3650)
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key."""

    key: ec.EllipticCurvePrivateKey
    x509: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint as SDP writes it (RFC 8122 §5)."""
        return fingerprint(self.x509, "sha-256")


def generate(now: datetime.datetime) -> Certificate:
    """Make a certificate, valid from a day before `now` because clocks differ."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media-relay")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
    )
    return Certificate(key, builder.sign(key, hashes.SHA256()))


def fingerprint(certificate: x509.Certificate, algorithm: str) -> str:
    """Return the fingerprint with one of the algorithms that are safe against a second pre-image."""
    return certificate.fingerprint(_HASHES[algorithm]()).hex(":").upper()


def matches(certificate: x509.Certificate, fingerprints: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether one of an SDP's fingerprints is this certificate's; unknown and weak algorithms match nothing."""
    return any(
        fingerprint(certificate, algorithm.lower()) == value.upper()
        for algorithm, value in fingerprints
        if algorithm.lower() in _HASHES
    )
