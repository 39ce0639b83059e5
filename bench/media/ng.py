"""rtpengine's control protocol "ng": bencoded dictionaries over UDP, each with a cookie in front."""

import itertools
import socket
from collections.abc import Mapping, Sequence

Value = int | str | Sequence["Value"] | Mapping[str, "Value"]

_TRIES = 5
_SECONDS_EACH = 1.0


def encode(value: Value) -> bytes:
    """Write a value in bencode."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        octets = value.encode()
        return b"%d:%s" % (len(octets), octets)
    if isinstance(value, Mapping):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    return b"l" + b"".join(encode(item) for item in value) + b"e"


def decode(text: bytes) -> Value:
    """Read a value in bencode; ValueError if it is none."""
    value, end = _decode(text, 0)
    if end != len(text):
        raise ValueError("something follows")
    return value


def _decode(text: bytes, at: int) -> tuple[Value, int]:
    kind = text[at : at + 1]
    if kind == b"i":
        end = text.index(b"e", at)
        return int(text[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        at += 1
        items: list[Value] = []
        while text[at : at + 1] != b"e":
            item, at = _decode(text, at)
            items.append(item)
        return (items if kind == b"l" else _paired(items)), at + 1
    colon = text.index(b":", at)
    end = colon + 1 + int(text[at:colon])
    return text[colon + 1 : end].decode(), end


def _paired(items: list[Value]) -> dict[str, Value]:
    return {str(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


class Ng:
    """A client."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(_SECONDS_EACH)
        self._cookies = itertools.count(1)

    def ask(self, command: str, arguments: Mapping[str, Value]) -> Mapping[str, Value]:
        """Send a command and return the answer; `RuntimeError` if it is refused, or none comes."""
        cookie = str(next(self._cookies)).encode()
        request = cookie + b" " + encode({"command": command, **arguments})
        for _ in range(_TRIES):  # rtpengine remembers a cookie and does nothing twice
            self._socket.send(request)
            try:
                found, _, body = self._socket.recv(65536).partition(b" ")
                while found != cookie:
                    found, _, body = self._socket.recv(65536).partition(b" ")
            except (TimeoutError, ConnectionRefusedError):
                continue
            answer = decode(body)
            if not isinstance(answer, Mapping) or answer.get("result") not in ("ok", "pong"):
                raise RuntimeError(f"rtpengine refuses {command}: {answer}")
            return answer
        raise RuntimeError(f"rtpengine does not answer {command}")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
