"""Which words of the registrar count as a verdict on a password."""

from typing import Any

import pytest

from shared.login_throttle import FREE
from shared.messages import CallEnded, Message, RegistrationChanged
from signaling.api.auth import Identity
from signaling.core.attempts import Attempts
from signaling.core.errors import PageError
from signaling.core.requests import AccountFields
from signaling.gateway.password_watch import PasswordWatch

HOST = "192.0.2.1"


def registration(state: Any, status: int) -> RegistrationChanged:
    return RegistrationChanged(session_id="s-1", state=state, status=status, reason="")


def ended(status: int, was_established: bool = False) -> CallEnded:
    return CallEnded(
        session_id="s-1", call_id="c-1", status=status, reason="", by="remote", was_established=was_established
    )


def log_in(attempts: Attempts, *heard: Message, register: bool = True, is_proven: bool = False) -> None:
    account = AccountFields(register=register)
    watch = PasswordWatch(attempts, HOST)
    watch.begin(Identity("alice", "example.org", "secret", account, is_proven))
    for message in heard:
        watch.hear(message)
    if heard:
        watch.leave()


def is_slowed(attempts: Attempts) -> bool:
    try:
        log_in(attempts, registration("registered", 200))
    except PageError:
        return True
    return False


@pytest.mark.parametrize(
    ("heard", "register", "slowed"),
    [
        (registration("failed", 401), True, True),
        (registration("failed", 403), True, True),
        (registration("failed", 407), True, True),
        (registration("failed", 503), True, False),
        (registration("registering", 0), True, True),  # he did not wait
        (registration("registered", 200), True, False),
        (ended(407), False, True),
        (ended(403), False, False),
        (ended(401, was_established=True), False, False),
        (ended(486), False, False),
    ],
)
def test_what_counts_as_a_wrong_password(heard: Message, register: bool, slowed: bool) -> None:
    attempts = Attempts()
    for _ in range(FREE + 1):
        log_in(attempts, heard, register=register)
    assert is_slowed(attempts) is slowed


def test_a_registration_that_fails_later_is_no_guess() -> None:
    attempts = Attempts()
    for _ in range(FREE + 1):
        log_in(attempts, registration("registered", 200), registration("failed", 403))
    assert not is_slowed(attempts)


def test_who_has_a_token_does_not_guess() -> None:
    attempts = Attempts()
    for _ in range(FREE + 1):
        log_in(attempts, registration("failed", 403), is_proven=True)
    assert not is_slowed(attempts)
