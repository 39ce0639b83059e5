"""SIP accounts that the pod knows, so that a page which logs in by token never has their passwords.

A TOML file, read again when it has changed:

    ["alice@sip.example.org"]
    password = "..."
    outbound_proxy = "proxy.example.org:5061"
"""

import tomllib
from pathlib import Path

import msgspec

from shared.errors import LocalError
from shared.reloaded_file import ReloadedFile

from ..core.fields import Secret
from ..core.requests import AccountFields


class KnownAccount(AccountFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the file."""

    password: Secret = ""


class Accounts:
    """The accounts of the file at `path`, none where that is empty. Raise `LocalError` if there is something wrong."""

    def __init__(self, path: str) -> None:
        try:
            self._file = ReloadedFile(Path(path), _read) if path else None
        except (OSError, ValueError) as error:
            raise LocalError(f"CORDBOARD_SIGNALING_ACCOUNTS: {error}") from error

    def find(self, aor: str) -> KnownAccount | None:
        """Return what is known of an address of record."""
        return self._file.get().get(aor.lower()) if self._file is not None else None


def _read(text: str) -> dict[str, KnownAccount]:
    # msgspec.ValidationError and tomllib.TOMLDecodeError are ValueErrors.
    return {aor.lower(): msgspec.convert(entry, KnownAccount) for aor, entry in tomllib.loads(text).items()}
