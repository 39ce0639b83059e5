"""Who may register at the built-in domain: the users of a file, and those who log in with a JWT."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from shared.errors import LocalError
from shared.reloaded_file import ReloadedFile
from shared.sealing import account_password


class Users:
    """Names and passwords: of the file at `path`, which is read again when it has changed; no path, no users.

    Raise `LocalError` where the file is no TOML with a table `[users]`; where it is spoilt later, what there was stays.
    """

    def __init__(self, path: str, domain: str, *secrets: str) -> None:
        self._domain = domain
        self._secrets = secrets
        try:
            self._file = ReloadedFile(Path(path), _read) if path else None
        except (OSError, ValueError) as error:
            raise LocalError(f"users file {path}: {error}") from error

    def is_listed(self, name: str) -> bool:
        """Whether the file has the name."""
        return name in self._listed()

    def passwords(self, name: str) -> list[str]:
        """Return the passwords that prove the name: the file's, and what a JWT's account is given, by each secret.

        As many where some are one: an unknown name must cost as much as a known one.
        """
        derived = [account_password(secret, f"{name}@{self._domain}") for secret in self._secrets]
        return [self._listed().get(name, derived[0]), *derived]

    def _listed(self) -> Mapping[str, str]:
        return self._file.get() if self._file is not None else {}


def _read(text: str) -> dict[str, str]:
    table = tomllib.loads(text).get("users", {})
    if not isinstance(table, dict) or not all(isinstance(password, str) for password in table.values()):
        raise ValueError('[users] must hold name = "password"')
    return table
