"""Secrets at rest and on the bus, AES-256-GCM under the cluster's secret: passwords, and calls that have keys of SRTP.

Signaling seals passwords, sip-agent opens them; it seals calls for whichever agent has them next. Nothing else may need
to, so no other service is given the secret.
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
    """Seals texts with a key derived from `secret`, and opens them.

    What was sealed with the `second` secret opens too, if there is one: while the cluster's secret is changed, some
    pods have the one and some the other.
    """

    def __init__(self, secret: str, second: str = "") -> None:
        if len(secret) < 16 or 0 < len(second) < 16:
            raise LocalError("the cluster secret must have 16 characters or more")
        self._aead, *self._others = (
            AESGCM(self.derive(one, b"cordboard password sealing")) for one in given(secret, second)
        )

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
        for aead in (self._aead, *self._others):
            clear = _opened(aead, sealed, bound_to)
            if clear is not None:
                return clear
        raise LocalError("what was sealed does not open: the pods' secrets differ")

    def renewed(self, sealed: str, bound_to: str) -> str:
        """Return the same, sealed with our first secret; raise `LocalError` as `open` does."""
        if _opened(self._aead, sealed, bound_to) is not None:
            return sealed
        return self.seal(self.open(sealed, bound_to), bound_to)


def given(secret: str, second: str) -> tuple[str, ...]:
    """Return the secrets that there are, the one that is to be used first."""
    return (secret, second) if second else (secret,)


def _opened(aead: AESGCM, sealed: str, bound_to: str) -> str | None:
    raw = base64.urlsafe_b64decode(sealed)
    try:
        return aead.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode()).decode()
    except InvalidTag:
        return None
