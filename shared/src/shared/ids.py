"""Names of things, and their form as NATS tokens and KV keys.

Ids are random, so that knowing one says nothing about another, and short enough to read in a log.
"""

import re
from collections.abc import Callable

_ALPHABET = "abcdefghjkmnpqrstvwxyz0123456789"  # 32 letters without i, l, o, u: one per 5 bits
_LETTER_OF_BYTE = _ALPHABET.encode() * 8
_PLAIN = re.compile(r"[A-Za-z0-9_-]*")


def new_id(prefix: str, random_bytes: Callable[[int], bytes]) -> str:
    """Return `prefix-` and 16 random letters (80 bits) from `random_bytes`."""
    return f"{prefix}-{random_bytes(16).translate(_LETTER_OF_BYTE).decode()}"


def kv_key(name: str) -> str:
    """Escape `name` into the characters that a NATS KV key may have; `=` starts an escape.

    One name has one key and one key one name, so that a key can be read back by `name_of_key`.
    """
    if _PLAIN.fullmatch(name):
        return name
    return "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 or byte in b"-_" else f"={byte:02X}" for byte in name.encode()
    )


def name_of_key(key: str) -> str:
    """Undo `kv_key`."""
    if "=" not in key:
        return key
    raw = bytearray()
    index = 0
    while index < len(key):
        if key[index] == "=":
            raw.append(int(key[index + 1 : index + 3], 16))
            index += 3
        else:
            raw.append(ord(key[index]))
            index += 1
    return raw.decode()
