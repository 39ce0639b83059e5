"""What a caller of the REST API has: a key, whose hash is in a file of the pod, and calls to ask after."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.records import CallRecord
from shared.store import Store

KEY = "a key of the tests alone, as long as one should be"
ALL_SCOPES = ("calls:read", "calls:write", "sessions:read", "sessions:write")


def key_file(folder: Path, scopes: Sequence[str] = ALL_SCOPES, others: Mapping[str, str] | None = None) -> str:
    """Write the file of keys, `others` being more of them by name; return its path."""
    path = folder / "keys.toml"
    keys = {"tests": KEY, **(others or {})}
    path.write_text(
        "".join(
            f'[{name}]\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\nscopes = {list(scopes)}\n'
            for name, key in keys.items()
        )
    )
    return str(path)


async def recorded(store: Store, call: CallRecord) -> None:
    """Write a call, as its agent does."""
    await store.calls.of(call.session_id).create(call.call_id, call)
