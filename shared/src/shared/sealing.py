"""Passwords at rest and on the bus: AES-256-GCM under the cluster's secret.

Signaling seals, sip-agent opens. Nothing else may need to, so no other service is given the secret.
"""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import LocalError

_NONCE_BYTES = 12


def account_password(secret: str, aor: str) -> str:
    """Return the SIP password of an address of the built-in domain whose user logs in with a JWT.

    Such a user knows no password: signaling seals this one for the account, the domain's registrar derives the same.
    """
    key = Seal.derive(secret, b"cordboard account password")
    return hmac.new(key, aor.lower().encode(), hashlib.sha256).hexdigest()


class Seal:
    """Seals and opens short texts with a key derived from `secret`."""

    def __init__(self, secret: str) -> None:
        if len(secret) < 16:
            raise LocalError("the cluster secret must have 16 characters or more")
        self._aead = AESGCM(self.derive(secret, b"cordboard password sealing"))

    @staticmethod
    def derive(secret: str, purpose: bytes) -> bytes:
        """Return the 32-byte key that `secret` gives for one purpose."""
        return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret.encode())

    def seal(self, text: str, bound_to: str) -> str:
        """Encrypt `text`; it opens only with the same `bound_to`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, text.encode(), bound_to.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, bound_to: str) -> str:
        """Decrypt; raise `LocalError` if it was made with another secret or for something else."""
        raw = base64.urlsafe_b64decode(sealed)
        try:
            clear = self._aead.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode())
        except InvalidTag as error:
            raise LocalError("a sealed password does not open: the pods' secrets differ") from error
        return clear.decode()
