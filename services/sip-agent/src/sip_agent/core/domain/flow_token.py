"""The token by which an agent finds the flow that it is to send a request down (RFC 5626 §5.2).

It stands as the user of a Route that names the agent which holds the flow. Every agent of the cluster can make one, for
the location table says which flow a phone registered by; nobody else can, or strangers could have us send anywhere.
"""

import base64
import binascii
import hashlib
import hmac

_TAG_BYTES = 10


class FlowTokens:
    """`keys` are the cluster's: what is made with any is read, the first is used.

    A flow is written as in the location table: `transport:host:port`.
    """

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def make(self, flow: str) -> str:
        """Return the token of a flow."""
        return base64.urlsafe_b64encode(_tag(self._keys[0], flow.encode()) + flow.encode()).decode().rstrip("=")

    def read(self, token: str) -> str | None:
        """Return the flow of a token, None if it is not one of ours."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        tag, flow = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        is_ours = any(hmac.compare_digest(tag, _tag(key, flow)) for key in self._keys)
        return flow.decode() if is_ours else None


def _tag(key: bytes, flow: bytes) -> bytes:
    return hmac.new(key, flow, hashlib.sha256).digest()[:_TAG_BYTES]
