"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3) and where its response goes (§18.2)."""

import hashlib
from typing import TypeAlias

from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.message import MAGIC_COOKIE, Message, Request, Response, Via

# §8.2.2.2: what is the same in all copies of a request that forked on its way to us.
Origin: TypeAlias = tuple[str | None, str, int, str, str]

_DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}  # §18.2.2


def client_id(response: Response) -> TransactionId:
    """The client transaction that a response belongs to."""
    return TransactionId(response.top_via.branch or "", response.cseq[1])


def branch_of_ack(ack: Request) -> str:
    """The branch of the ACK for a 2xx: each copy of the 2xx is answered with the same ACK (§13.2.2.4)."""
    dialog = "\n".join([ack.call_id, ack.from_.tag or "", ack.to.tag or "", str(ack.cseq[0])])
    return MAGIC_COOKIE + hashlib.sha256(dialog.encode(errors="surrogateescape")).hexdigest()[:32]


def server_id(request: Request, via: Via) -> TransactionId:
    """The server transaction that a request belongs to; `via` is its top Via as received.

    A branch without the cookie, or with nothing behind it, comes from an element of RFC 2543 and identifies nothing by
    itself: what does instead is the same in INVITE, its ACK and its CANCEL. Ids go to records, which hold nothing but
    UTF-8.
    """
    branch = via.branch
    if branch is None or not branch.startswith(MAGIC_COOKIE) or branch == MAGIC_COOKIE:
        branch = "\n".join([request.uri, request.from_.tag or "", request.call_id, str(request.cseq[0]), str(via)])
    return TransactionId(readable(branch), request.method, via.sent_by.lower())


def origin_of(request: Request) -> Origin:
    """What a request has in common with its merged copies.

    The Request-URI too: a fork by our own domain to two of our sessions is two requests, and so are one to the domain
    and the one that it makes of it.
    """
    number, method = request.cseq
    return request.from_.tag, request.call_id, number, method, request.uri


def count_vias(message: Message) -> int:
    """How many hops a message has behind it."""
    return sum(line.count(",") + 1 for line in message.headers.lines("Via"))


def mark_source(request: Request, via: Via, flow: Flow) -> None:
    """Write into the top Via where the request came from (§18.2.1, RFC 3581 §4)."""
    if via.wants_rport:
        marked = via.with_param("rport", str(flow.port)).with_param("received", flow.host)
    elif via.host != flow.host:
        marked = via.with_param("received", flow.host)
    else:
        return
    request.headers.replace_first("Via", str(marked))


def reply_flow(via: Via, flow: Flow) -> Flow:
    """Where the responses go. Never to `maddr`, nor to a host that Via merely names: neither has asked for them."""
    if flow.reliable or via.wants_rport:
        return flow
    return Flow(flow.transport, flow.host, via.port or _DEFAULT_PORTS[flow.transport])


def flow_without_connection(via: Via, flow: Flow) -> Flow:
    """Where the responses go when the connection of the request is gone: its source at the port that Via names.

    Over TLS that peer has to prove the name in Via (RFC 5922 §4).
    """
    certified = via.host.lower() if flow.transport == "tls" else ""
    return Flow(flow.transport, flow.host, via.port or _DEFAULT_PORTS[flow.transport], certified)
