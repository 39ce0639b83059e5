"""What comes of the password that one socket's page logged in with: the registrar says it, by way of the agent."""

import time

from shared.messages import CallEnded, Message, RegistrationChanged

from .. import metrics
from ..api.auth import Identity
from ..core.attempts import Attempt, Attempts

_REFUSED = (401, 403, 407)  # RFC 3261 §22: asked for, or not taken
_ASKED_AGAIN = (401, 407)  # of a call; its 403 has other reasons as well


class PasswordWatch:
    """Tells `attempts`, once for each log-in."""

    __slots__ = ("_attempt", "_attempts", "_host", "_is_open")

    def __init__(self, attempts: Attempts, host: str) -> None:
        self._attempts = attempts
        self._host = host
        self._attempt: Attempt | None = None
        self._is_open = False

    def begin(self, identity: Identity) -> None:
        """Somebody logs in; raise `PageError` where he is to wait."""
        if identity.is_proven:
            return
        attempt = Attempt(self._host, identity.aor.lower())
        self._attempts.begin(attempt, time.monotonic())
        self._attempt, self._is_open = attempt, True
        if not identity.account.register:
            self.undecided()

    def hear(self, message: Message) -> None:
        """Look for a verdict."""
        if self._attempt is None:
            return
        match message:
            case RegistrationChanged(state="registered") if self._is_open:
                self.undecided()
                self._attempts.right(self._attempt)
            case RegistrationChanged(state="failed", status=status) if self._is_open:
                self.undecided()
                if status in _REFUSED:
                    self._wrong(self._attempt)
            case CallEnded(status=status, was_established=False) if status in _ASKED_AGAIN:
                self._wrong(self._attempt)

    def undecided(self) -> None:
        """Nobody will say, or it does not matter."""
        if self._attempt is not None and self._is_open:
            self._is_open = False
            self._attempts.end(self._attempt)

    def leave(self) -> None:
        """The socket is gone: whoever did not wait for the verdict knew it."""
        if self._attempt is not None and self._is_open:
            self.undecided()
            self._wrong(self._attempt)

    def _wrong(self, attempt: Attempt) -> None:
        metrics.WRONG_PASSWORDS.inc()
        self._attempts.wrong(attempt, time.monotonic())
