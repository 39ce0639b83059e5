"""Between signaling and sip-agent: instant messages (RFC 3428), inside a call or outside."""

from .envelope import Command, Event

TEXT = "text/plain;charset=UTF-8"


class SendMessage(Command, frozen=True, kw_only=True, tag="message.send"):
    """Send a SIP MESSAGE. A reply means that it is under way; `MessageSent` tells its end."""

    session_id: str
    message_id: str
    to: str  # a SIP URI, or a user of the account's domain; empty inside a call
    body: str
    content_type: str = TEXT
    call_id: str = ""
    headers: dict[str, str] = {}


class IncomingMessage(Command, frozen=True, kw_only=True, tag="message.incoming"):
    """A SIP MESSAGE for the session, answered 200 once the session's pod has replied `Done`."""

    session_id: str
    message_id: str
    sender: str
    body: str
    content_type: str = TEXT
    sender_name: str = ""
    call_id: str = ""


class MessageSent(Event, frozen=True, kw_only=True, tag="message.sent"):
    """What became of a message of ours: the final SIP status."""

    session_id: str
    message_id: str
    status: int
    reason: str
