"""The media of a browser that is lost: for a while it may come back, by a reload of its page or another connection."""

import time
from collections.abc import Callable

from sip_agent.alarm import Alarm

_FINAL = "fingerprint"  # whoever that was, it was not the browser of the call (RFC 8122 §5.1)


class BrowserLoss:
    """`give_up` is called with the reason of the loss, once."""

    __slots__ = ("_seconds", "_give_up", "_reason", "_alarm")

    def __init__(self, seconds: float, give_up: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._reason = ""
        self._alarm = Alarm(lambda: self._give_up(self._reason))

    def lost(self, reason: str, may_return: bool) -> None:
        """The relay says that the browser is gone."""
        if may_return and reason != _FINAL:
            self._reason = reason
            self._alarm.set(time.monotonic() + self._seconds)
        else:
            self._give_up(reason)

    def stop(self) -> None:
        """It is back, or nobody waits for it any more."""
        self._alarm.stop()
