"""What a page is told when a request cannot be carried out: each refusal of this service, by name.

`status` is a SIP status code (RFC 3261 §21), so the page has one table of meanings for all errors.
"""

from shared.errors import RemoteError


class PageError(RemoteError):
    """The page is at fault: it is told how, and ten of them in a row close its socket."""


def bad_request(why: str) -> PageError:
    """The message is wrong in itself, or comes at the wrong time."""
    return PageError(400, why)


def no_such_call(call_id: str) -> PageError:
    """The call is over, or never was one of this session."""
    return PageError(481, f"Call {call_id} Does Not Exist")


def no_such_session() -> PageError:
    """The session was closed or its grace time is over: log in again."""
    return PageError(404, "Session Does Not Exist")


def bad_resume_token() -> PageError:
    """The token is not the session's newest one."""
    return PageError(403, "Resume Token Is Not Valid")
