"""The INVITE that starts an outgoing call (RFC 3261 §13.2.1), and the same one sent elsewhere."""

from collections.abc import Iterable

from sip_agent.core.dialog.capabilities import OFFERED, SDP
from sip_agent.core.dialog.dialog import MAX_FORWARDS
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import NameAddr, SipUri

# RFC 3323 §4.1.1.3
ANONYMOUS = NameAddr("Anonymous", SipUri.parse("sip:anonymous@anonymous.invalid"))
# What is between the account and its own servers.
_FOR_OWN_SERVERS = ("Authorization", "Proxy-Authorization", "P-Preferred-Identity")


def make_invite(
    identity: Identity,
    target: str,
    tag: str,
    call_id: str,
    sdp: str,
    headers: Iterable[tuple[str, str]],
    is_private: bool,
) -> Request:
    """Return the first INVITE of a call. A private one names the caller to the account's own servers only."""
    caller = ANONYMOUS if is_private else identity.address
    private = [("Privacy", "id"), ("P-Preferred-Identity", str(identity.address))] if is_private else []
    fields = [
        ("Max-Forwards", MAX_FORWARDS),
        ("From", str(caller.with_tag(tag))),
        ("To", f"<{target}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Contact", f"<{identity.contact}>"),
        *private,
        *OFFERED,
        *headers,
        ("Content-Type", SDP),
    ]
    return Request("INVITE", target, fields, sdp.encode())


def repeated(invite: Request, contact: str) -> Request:
    """Return the INVITE as another agent sends it (§8.1.3.5): To, From and Call-ID stay, credentials are its own."""
    made = invite.copy()
    for name in ("Authorization", "Proxy-Authorization"):
        made.headers.remove(name)
    made.headers.set("Contact", f"<{contact}>")
    made.headers.set("CSeq", f"{invite.cseq[0] + 1} INVITE")
    return made


def redirected(invite: Request, target: str) -> Request:
    """Return the INVITE for another target (§8.1.3.4): To, From and Call-ID stay."""
    made = Request("INVITE", target, invite.headers.copy(), invite.body)
    for name in _FOR_OWN_SERVERS:
        made.headers.remove(name)
    made.headers.set("CSeq", f"{invite.cseq[0] + 1} INVITE")
    return made
