"""What attackers send, by sockets of their own or with the source address of somebody else."""

import struct

from media_relay.core.plan import Address
from tests.support.network import Host, forged

# RFC 5246 A.4.1: one cipher suite, TLS_NULL_WITH_NULL_NULL, which no server may take.
_NULL_CIPHER = b"\0\0"


def client_hello(number: int = 0, cipher_suites: bytes = _NULL_CIPHER) -> bytes:
    """Return a DTLS 1.2 ClientHello (RFC 6347 §4.2.1, §4.3.1) that leads to no handshake."""
    random = struct.pack("!IQQQI", 0, number, 0, 0, 0)
    body = b"\xfe\xfd" + random + b"\0" + b"\0" + struct.pack("!H", len(cipher_suites)) + cipher_suites + b"\x01\0"
    message = b"\x01" + len(body).to_bytes(3, "big") + b"\0\0" + bytes(3) + len(body).to_bytes(3, "big") + body
    return b"\x16\xfe\xfd" + bytes(8) + struct.pack("!H", len(message)) + message


class Forger:
    """Sends from a host with the source address of others."""

    def __init__(self, host: Host) -> None:
        self._raw = host.raw()

    def send(self, payload: bytes, source: Address, destination: Address) -> None:
        self._raw.sendto(forged(source, destination, payload), (destination.host, 0))

    def __enter__(self) -> "Forger":
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()
