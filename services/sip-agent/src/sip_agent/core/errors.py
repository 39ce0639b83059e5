"""What is wrong with a message from the network; all of it is the peer's fault.

RemoteError
 +-- SipError        a header or body breaks RFC 3261: answered with `status` and `reason`
      +-- ParseError the whole message is unusable; it may still be answered (`syntax.parser`)
"""

from shared.errors import RemoteError


class SipError(RemoteError):
    """A part of a message that cannot be accepted, with the answer it deserves."""
