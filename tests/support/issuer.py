"""An issuer of tokens: a key set at an address, which it may change, be slow with, or not give at all."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

NAME, AUDIENCE = "https://issuer.example.org", "cordboard"


class Issuer:
    """`signing` is the key that it signs with; `published` are the ids of those that it tells."""

    def __init__(self) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.signing = ""
        self.published: list[str] = []
        self.is_silent = False
        self.asked = 0
        self.url = ""
        self._silent: set[asyncio.StreamWriter] = set()
        self.rotate("first")

    def rotate(self, key_id: str) -> None:
        """Go over to a new key, and tell no other."""
        self._keys[key_id] = ec.generate_private_key(ec.SECP256R1())
        self.signing, self.published = key_id, [key_id]

    def token(self, key_id: str = "", **claims: Any) -> str:
        """Sign a token."""
        given = {"sub": "alice", "exp": time.time() + 60, "iss": NAME, "aud": AUDIENCE, **claims}
        key_id = key_id or self.signing
        return jwt.encode(given, self._keys[key_id], "ES256", {"kid": key_id})

    def key_set(self) -> dict[str, Any]:
        """Return what it publishes."""
        keys = ((key_id, self._keys[key_id].public_key()) for key_id in self.published)
        return {"keys": [{**json.loads(ECAlgorithm.to_jwk(key)), "kid": key_id, "use": "sig"} for key_id, key in keys]}

    @property
    def settings(self) -> dict[str, Any]:
        """What a signaling pod needs to believe it."""
        return {"jwt_jwks_url": self.url, "jwt_issuer": NAME, "jwt_audience": AUDIENCE}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if not self.is_silent:
            body = json.dumps(self.key_set()).encode()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
            writer.close()
        else:
            self._silent.add(writer)
            await reader.read()  # until the pod has given up, or we do
            writer.close()
            self._silent.discard(writer)

    async def hang_up(self) -> None:
        """Close what is asked and not answered."""
        for writer in list(self._silent):
            writer.close()
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    """Serve while the block runs."""
    made = Issuer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    async with server:
        yield made
        await made.hang_up()
