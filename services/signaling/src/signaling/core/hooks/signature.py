"""How the operator's web server knows that a post is ours, and new: headers made of a shared secret.

    Cordboard-Signature: t=1793370000,v1=5257a8…

`v1` is the HMAC-SHA256, in hex, of `t`, a full stop and the body; `t` is in seconds since the epoch. Who checks it
refuses a `t` that is minutes off, and a body that he has seen. The other form is that of WCS, which has no time.
"""

import hashlib
import hmac

HEADER = "Cordboard-Signature"


def signature(secret: str, body: bytes, at: int) -> str:
    """Return the value of `Cordboard-Signature`."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"
