"""The two requests that belong to an INVITE on the same hop: ACK for a failure (RFC 3261 §17.1.1.3), CANCEL (§9.1)."""

from sip_agent.core.syntax.headers import Headers
from sip_agent.core.syntax.message import Request, Response


def ack_for_failure(invite: Request, response: Response) -> Request:
    """The ACK for a final response other than 2xx: of the transaction, so with the branch and route of the INVITE."""
    headers = _of_invite(invite, "ACK")
    headers.set("To", response.headers.get("To") or "")
    return Request("ACK", invite.uri, headers)


def cancel_for(invite: Request) -> Request:
    """The CANCEL that finds the INVITE at the next hop by its branch."""
    return Request("CANCEL", invite.uri, _of_invite(invite, "CANCEL"))


def _of_invite(invite: Request, method: str) -> Headers:
    headers = Headers([("Via", str(invite.top_via)), ("Max-Forwards", "70")])
    for line in invite.headers.lines("Route"):
        headers.add("Route", line)
    for name in ("From", "To", "Call-ID"):
        headers.add(name, invite.headers.get(name) or "")
    headers.add("CSeq", f"{invite.cseq[0]} {method}")
    return headers
