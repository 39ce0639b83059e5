"""What the transaction layer puts out: messages to send, and events for the transaction user (RFC 3261 §17, §18)."""

from typing import Literal, NamedTuple, TypeAlias

import msgspec

from sip_agent.core.syntax.message import Request, Response

Transport = Literal["udp", "tcp", "tls"]


class Flow(NamedTuple):
    """Where a message goes to or came from. For TCP and TLS it also names the connection with that remote address.

    `certified` is the name that the peer's certificate must show (RFC 5922 §4) on a TLS connection that we opened: what
    was verified for one name is not used for another. It is empty for those that were opened to us.
    """

    transport: Transport
    host: str
    port: int
    certified: str = ""

    @property
    def reliable(self) -> bool:
        """Whether the transport itself delivers or reports failure, so that nothing is retransmitted."""
        return self.transport != "udp"


class TransactionId(NamedTuple):
    """What responses (§17.1.3) and requests (§17.2.3) are matched by. `sent_by` is empty in a client transaction."""

    branch: str
    method: str
    sent_by: str = ""


class SendMessage(msgspec.Struct, frozen=True):
    """Bytes to put on the wire."""

    data: bytes
    flow: Flow


class RequestReceived(msgspec.Struct, frozen=True):
    """A new request; it is answered by `respond(transaction, ...)`. Never ACK or CANCEL.

    `merged`: the same request came by another way and is still being served. A user agent answers 482 (§8.2.2.2);
    a proxy forwards it all the same.
    """

    transaction: TransactionId
    request: Request
    flow: Flow
    merged: bool = False


class AckReceived(msgspec.Struct, frozen=True):
    """The ACK for a 2xx, which belongs to the dialog and to no transaction (§13.3.1.4)."""

    request: Request
    flow: Flow


class CancelReceived(msgspec.Struct, frozen=True):
    """A CANCEL for an INVITE that has no final response yet. It has been answered 200; the INVITE is to get its 487."""

    invite: TransactionId
    request: Request


class ResponseReceived(msgspec.Struct, frozen=True):
    """A response for the transaction user: each provisional one, the final one, every 2xx to an INVITE (RFC 6026)."""

    transaction: TransactionId
    response: Response


class TimedOut(msgspec.Struct, frozen=True):
    """No final response came in time (timer B or F): to be treated as a 408 (§8.1.3.1)."""

    transaction: TransactionId
    request: Request


class TransportFailed(msgspec.Struct, frozen=True):
    """The request could not be delivered: to be treated as a 503 (§8.1.3.1)."""

    transaction: TransactionId
    request: Request
    reason: str


class StrayResponse(msgspec.Struct, frozen=True):
    """A response that matches no transaction. All but a 2xx to an INVITE are best forgotten (RFC 6026 §7.3)."""

    response: Response
    flow: Flow


class AckTimedOut(msgspec.Struct, frozen=True):
    """Our final response other than 2xx to an INVITE was never acknowledged (timer H)."""

    transaction: TransactionId


class Malformed(msgspec.Struct, frozen=True):
    """Bytes from `flow` that are no acceptable message; `answered` with a 4xx or 505 where that was possible."""

    reason: str
    flow: Flow
    answered: bool = False


class CloseFlow(msgspec.Struct, frozen=True):
    """The stream from there cannot be divided into messages any more: its connection is to be closed."""

    flow: Flow


Output: TypeAlias = (
    SendMessage
    | CloseFlow
    | RequestReceived
    | AckReceived
    | CancelReceived
    | ResponseReceived
    | TimedOut
    | TransportFailed
    | StrayResponse
    | AckTimedOut
    | Malformed
)
