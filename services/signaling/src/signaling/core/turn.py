"""Credentials for a TURN server that nobody has told of the user: good for some time, by a secret that both know.

The form that coturn's `use-auth-secret` knows (draft-uberti-behave-turn-rest-00 §2.2): the name is when they expire
and whose they are, the password its HMAC.
"""

import base64
import hashlib
import hmac

from .frames import IceServer


def turn_server(urls: tuple[str, ...], secret: str, user: str, expires_at: int) -> IceServer:
    """Return what a browser needs to use the server until `expires_at`, in seconds of Unix time."""
    username = f"{expires_at}:{user}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return IceServer(urls=urls, username=username, credential=base64.b64encode(digest).decode())
