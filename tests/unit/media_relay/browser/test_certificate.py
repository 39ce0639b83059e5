"""The DTLS certificate and fingerprints."""

import datetime
import hashlib

from cryptography.hazmat.primitives.serialization import Encoding

from media_relay.browser import certificate

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


def test_the_fingerprint_is_the_sha_256_of_the_certificate_in_sdp_form() -> None:
    own = certificate.generate(NOW)
    digest = hashlib.sha256(own.x509.public_bytes(Encoding.DER)).hexdigest().upper()
    assert own.fingerprint.replace(":", "") == digest
    assert own.fingerprint.count(":") == 31


def test_two_processes_have_two_certificates() -> None:
    assert certificate.generate(NOW).fingerprint != certificate.generate(NOW).fingerprint


def test_it_is_valid_for_clocks_that_are_behind() -> None:
    assert certificate.generate(NOW).x509.not_valid_before_utc < NOW


def test_a_certificate_matches_any_of_the_strong_fingerprints_in_any_case() -> None:
    own = certificate.generate(NOW).x509
    right, sha512 = certificate.fingerprint(own, "sha-256"), certificate.fingerprint(own, "sha-512")
    assert certificate.matches(own, (("sha-256", right),))
    assert certificate.matches(own, (("SHA-256", right.lower()),))
    assert certificate.matches(own, (("sha-256", "AB:CD"), ("sha-512", sha512)))
    assert not certificate.matches(own, (("sha-512", right),))
    assert not certificate.matches(own, (("md5", right), ("sha-1", right)))
    assert not certificate.matches(own, ())
