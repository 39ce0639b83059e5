"""Sealed passwords."""

import pytest

from shared.errors import LocalError
from shared.sealing import Seal


def test_what_was_sealed_opens() -> None:
    seal = Seal("a secret of the cluster")
    sealed = seal.seal("pässword", "s-1")
    assert "pässword" not in sealed
    assert seal.open(sealed, "s-1") == "pässword"


@pytest.mark.parametrize(
    ("secret", "bound_to"), [("a secret of another cluster", "s-1"), ("a secret of the cluster", "s-2")]
)
def test_another_secret_or_another_session_does_not_open_it(secret: str, bound_to: str) -> None:
    sealed = Seal("a secret of the cluster").seal("password", "s-1")
    with pytest.raises(LocalError):
        Seal(secret).open(sealed, bound_to)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(LocalError, match="16 characters"):
        Seal("short")


def test_what_another_secret_has_sealed_opens_with_that_as_the_second() -> None:
    old = "a secret of the cluster"
    sealed = Seal(old).seal("password", "s-1")
    seal = Seal("the secret from now on", old)
    assert seal.open(sealed, "s-1") == "password"
    with pytest.raises(LocalError):
        seal.open(sealed, "s-2")
    with pytest.raises(LocalError):
        Seal(old).open(seal.seal("password", "s-1"), "s-1")


def test_what_is_renewed_needs_the_second_no_more() -> None:
    new = Seal("the secret from now on")
    seal = Seal("the secret from now on", "a secret of the cluster")
    renewed = seal.renewed(Seal("a secret of the cluster").seal("password", "s-1"), "s-1")
    assert new.open(renewed, "s-1") == "password"
    assert seal.renewed(renewed, "s-1") == renewed
    with pytest.raises(LocalError):
        new.renewed(Seal("a secret of the cluster").seal("password", "s-1"), "s-1")


def test_a_short_second_secret_is_refused() -> None:
    with pytest.raises(LocalError, match="16 characters"):
        Seal("a secret of the cluster", "short")
