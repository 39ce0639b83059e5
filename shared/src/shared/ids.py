"""Names of things, and their form as NATS tokens and KV keys.

Ids are random, so that knowing one says nothing about another, and short enough to read in a log.
"""

import re
from collections.abc import Callable

_ALPHABET = "abcdefghjkmnpqrstvwxyz0123456789"  # 32 letters without i, l, o, u: one per 5 bits
_LETTER_OF_BYTE = _ALPHABET.encode() * 8
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPE = re.compile(rb"=([0-9A-F]{2})")
_EMPTY = "="  # a token without a character


def new_id(prefix: str, random_bytes: Callable[[int], bytes]) -> str:
    """Return `prefix-` and 16 random letters (80 bits) from `random_bytes`."""
    return f"{prefix}-{random_bytes(16).translate(_LETTER_OF_BYTE).decode()}"


def kv_key(name: str) -> str:
    """Escape `name` into the characters that a NATS KV key may have; `=` starts an escape.

    One name has one key and one key one name, so that a key can be read back by `name_of_key`. A slash in the name
    divides the key into tokens, none of which may be empty.
    """
    if _PLAIN.fullmatch(name):
        return name
    return ".".join(_token(part) for part in name.split("/"))


def _token(part: str) -> str:
    return (
        _EMPTY
        if not part
        else "".join(
            chr(byte) if chr(byte).isalnum() and byte < 128 or byte in b"-_" else f"={byte:02X}"
            for byte in part.encode()
        )
    )


def name_of_key(key: str) -> str:
    """Undo `kv_key`."""
    return "/".join("" if token == _EMPTY else _part(token) for token in key.split("."))


def _part(token: str) -> str:
    return _ESCAPE.sub(_unescaped, token.encode()).decode()


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())
