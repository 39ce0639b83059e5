"""What every message has, and the two replies that any command may get."""

import msgspec

VERSION = 1


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The root of all bus messages."""

    v: int = VERSION


class Command(Message, frozen=True, kw_only=True):
    """A request to one pod; it is answered by exactly one `Reply`.

    A NATS client delivers what was published while it was cut off, so a command carries the time after
    which it must not be acted on; and a requester repeats a command whose reply was lost, so the receiver
    answers a repeated `id` with the reply that it gave before.
    """

    id: str
    expires_at: float  # seconds since the epoch
    epoch: int = 0  # of the ownership it is sent under; the receiver refuses one lower than it has seen


class Reply(Message, frozen=True, kw_only=True):
    """The answer to a command."""


class Event(Message, frozen=True, kw_only=True):
    """A fact that is told once and not answered."""


class Done(Reply, frozen=True, kw_only=True, tag="done"):
    """The command was carried out and there is nothing to add."""


class Refused(Reply, frozen=True, kw_only=True, tag="refused"):
    """The command was not carried out; nothing has changed."""

    status: int  # a SIP status code
    reason: str
