"""Who may register at the built-in domain: the users of a file, and those who log in with a JWT."""

import tomllib
from pathlib import Path

from shared.errors import LocalError
from shared.sealing import account_password


class Users:
    """Names and passwords. The file is read once, at the start."""

    def __init__(self, domain: str, secret: str, passwords: dict[str, str]) -> None:
        self._domain = domain
        self._secret = secret
        self._passwords = passwords

    @classmethod
    def load(cls, path: str, domain: str, secret: str) -> "Users":
        """Read a TOML file with a table `[users]`; no path, no users."""
        if not path:
            return cls(domain, secret, {})
        try:
            table = tomllib.loads(Path(path).read_text()).get("users", {})
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise LocalError(f"users file {path}: {error}") from error
        if not isinstance(table, dict) or not all(isinstance(password, str) for password in table.values()):
            raise LocalError(f'users file {path}: [users] must hold name = "password"')
        return cls(domain, secret, table)

    def is_listed(self, name: str) -> bool:
        """Whether the file has the name."""
        return name in self._passwords

    def passwords(self, name: str) -> list[str]:
        """Return the two passwords that prove the name: the file's, and the one that a JWT's account is given.

        Two also where they are one: an unknown name must cost as much as a known one.
        """
        derived = account_password(self._secret, f"{name}@{self._domain}")
        return [self._passwords.get(name, derived), derived]
