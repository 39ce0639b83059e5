"""Datagrams in a TCP stream: each stands behind its length, in two bytes (RFC 4571 §2)."""

_HEADER = 2


def frame(datagram: bytes) -> bytes:
    """Return what the stream has for a datagram."""
    return len(datagram).to_bytes(_HEADER, "big") + datagram


class Deframer:
    """Takes a stream apart; it holds no more than one datagram that is not whole yet."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the datagrams that are whole now; raise `ValueError` for one that is longer than the longest."""
        stream, at = self._rest + data, 0
        datagrams: list[bytes] = []
        while at + _HEADER <= len(stream):
            length = int.from_bytes(stream[at : at + _HEADER], "big")
            if length > self._longest:
                raise ValueError(f"a datagram of {length} bytes")
            end = at + _HEADER + length
            if end > len(stream):
                break
            datagrams.append(stream[at + _HEADER : end])
            at = end
        self._rest = stream[at:]
        return datagrams
