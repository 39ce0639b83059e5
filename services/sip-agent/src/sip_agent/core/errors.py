"""What is wrong with a message from the network; all of it is the peer's fault.

RemoteError
 +-- SipError        a header or body breaks RFC 3261: answered with `status` and `reason`
      +-- ParseError the whole message is unusable; it may still be answered, see `request`
"""

from typing import TYPE_CHECKING

from shared.errors import RemoteError

if TYPE_CHECKING:
    from sip_agent.core.syntax.message import Request


class SipError(RemoteError):
    """A part of a message that cannot be accepted, with the answer it deserves."""


class ParseError(SipError):
    """Bytes that are no acceptable SIP message.

    `request` is what could be read of it when that is enough for a stateless answer (RFC 3261 §8.2.6), else None.
    """

    def __init__(self, status: int, reason: str, request: "Request | None" = None) -> None:
        super().__init__(status, reason)
        self.request = request
