"""Errors that say whose fault they are.

    CordboardError
     +-- LocalError     ours: a bug or a missing part; the work at hand ends, logged with a traceback
     +-- RemoteError    theirs: answered with `status` and `reason`, counted, no traceback
          +-- NoOwner           nobody serves the subject: the pod is gone
          +-- DeadlineExceeded  somebody serves it but did not answer in time

`status` is a SIP status code (RFC 3261 §21) wherever it can be one, so that it can reach either end of a call.
"""


class CordboardError(Exception):
    """The root of all errors that this project raises."""


class LocalError(CordboardError):
    """Our fault."""


class RemoteError(CordboardError):
    """The other side's fault; `status` and `reason` are what it is told."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class NoOwner(RemoteError):
    """Nobody serves the subject: NATS said "no responders"."""

    def __init__(self, subject: str) -> None:
        super().__init__(503, "Service Unavailable")
        self.subject = subject


class DeadlineExceeded(RemoteError):
    """The request was delivered, or may have been, and no reply came in time."""

    def __init__(self, subject: str) -> None:
        super().__init__(504, "Server Time-out")
        self.subject = subject
