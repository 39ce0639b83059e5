"""The users of the built-in domain."""

import os
from pathlib import Path

import pytest

from shared.errors import LocalError
from shared.sealing import account_password
from sip_agent.domain.users import Users

SECRET = "a secret of many letters"


def test_a_listed_user_has_two_passwords_and_any_other_the_derived_one_twice(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text('[users]\nalice = "pw"\n')
    users = Users(str(path), "example.com", SECRET)
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
        Users(str(path), "example.com", SECRET)


def test_no_file_no_users() -> None:
    assert not Users("", "example.com", SECRET).is_listed("alice")


@pytest.fixture
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.reloaded_file._LOOK_EVERY", 0.0)


def change(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 1, before + 1))  # also where the clock of the file system has not moved


@pytest.mark.usefixtures("looked_at_each_time")
def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text('[users]\nalice = "pw"\n')
    users = Users(str(path), "example.com", SECRET)
    assert users.passwords("alice")[0] == "pw"
    change(path, '[users]\nalice = "another"\nbob = "his"\n')
    assert (users.passwords("alice")[0], users.is_listed("bob")) == ("another", True)
    change(path, "[users]\n")
    assert not users.is_listed("alice")


@pytest.mark.usefixtures("looked_at_each_time")
def test_a_file_that_is_spoilt_leaves_the_users_that_there_were(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text('[users]\nalice = "pw"\n')
    users = Users(str(path), "example.com", SECRET)
    change(path, "[users")
    assert users.passwords("alice")[0] == "pw"
    path.unlink()
    assert users.passwords("alice")[0] == "pw"


def test_what_each_secret_gives_proves_a_name_and_all_names_cost_the_same(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text('[users]\nalice = "pw"\n')
    users = Users(str(path), "example.com", SECRET, "the secret before it")
    derived = [account_password(secret, "bob@example.com") for secret in (SECRET, "the secret before it")]
    assert users.passwords("bob") == [derived[0], *derived]
    assert len(users.passwords("alice")) == 3
