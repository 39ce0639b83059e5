"""The users of the built-in domain."""

from pathlib import Path

import pytest

from shared.errors import LocalError
from shared.sealing import account_password
from sip_agent.domain.users import Users

SECRET = "a secret of many letters"


def test_a_listed_user_has_two_passwords_and_any_other_the_derived_one_twice(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text('[users]\nalice = "pw"\n')
    users = Users.load(str(path), "example.com", SECRET)
    derived = account_password(SECRET, "alice@example.com")
    assert (users.is_listed("alice"), users.passwords("alice")) == (True, ["pw", derived])
    assert (users.is_listed("bob"), users.passwords("bob")) == (
        False,
        [account_password(SECRET, "bob@example.com")] * 2,
    )
    assert derived != account_password("another secret of letters", "alice@example.com")


@pytest.mark.parametrize("text", ["[users", "[users]\nalice = 7\n", "users = 1\n"])
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users.toml"
    path.write_text(text)
    with pytest.raises(LocalError, match=r"users\.toml"):
        Users.load(str(path), "example.com", SECRET)


def test_no_file_no_users() -> None:
    assert not Users.load("", "example.com", SECRET).is_listed("alice")
