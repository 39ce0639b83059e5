"""Calls without a network: an identity, SIP messages of a far side, and short names for what a call puts out."""

from collections.abc import Iterable, Sequence
from itertools import count

from sip_agent.core.auth.digest import Credentials, DigestClient
from sip_agent.core.call.outputs import AskMedia, CallOutput, Ended, Progressed, Respond, SendAck, SendRequest
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.syntax.uri import NameAddr, SipUri

FAR_CONTACT = "sip:bob@192.0.2.7:5070"
CONTACT = "sip:s-1@192.0.2.1:5060"
CHALLENGE = 'Digest realm="example.com", nonce="n1", algorithm=MD5, qop="auth"'


def make_identity() -> Identity:
    """Alice, whose password is `secret`."""
    cnonces = (f"cnonce{number}" for number in count(1))
    return Identity(
        NameAddr("Alice", SipUri.parse("sip:alice@example.com")),
        CONTACT,
        DigestClient(Credentials("alice", "secret"), lambda: next(cnonces)),
    )


def with_via(request: Request, branch: str = "z9hG4bK1") -> Request:
    """A request as the far side gets it."""
    made = request.copy()
    made.headers.prepend("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}")
    return made


def make_reply(
    request: Request,
    status: int,
    tag: str | None = "far",
    sdp: str = "",
    headers: Iterable[tuple[str, str]] = (),
    reason: str | None = None,
) -> Response:
    """The far side's response, with its Contact."""
    fields = [("Contact", f"<{FAR_CONTACT}>"), *headers]
    return make_response(
        with_via(request), status, reason, tag, fields, sdp.encode(), "application/sdp" if sdp else None
    )


def make_invite(sdp: str = "far offer", tag: str = "far", headers: Sequence[tuple[str, str]] = ()) -> Request:
    """An INVITE of the far side."""
    described = [("Content-Type", "application/sdp")] if sdp else []
    return Request(
        "INVITE",
        CONTACT,
        [
            ("Via", "SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bKfar"),
            ("Max-Forwards", "70"),
            ("From", f'"Bob" <sip:bob@example.com>;tag={tag}'),
            ("To", "<sip:alice@example.com>"),
            ("Call-ID", "far-call"),
            ("CSeq", "7 INVITE"),
            ("Contact", f"<{FAR_CONTACT}>"),
            *headers,
            *described,
        ],
        sdp.encode(),
    )


def make_in_dialog(
    method: str,
    cseq: int,
    call_id: str,
    far_tag: str,
    our_tag: str,
    sdp: str = "",
    headers: Sequence[tuple[str, str]] = (),
) -> Request:
    """A request of the far side inside a dialog."""
    fields = [
        ("Via", f"SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK{method}{cseq}"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:bob@example.com>;tag={far_tag}"),
        ("To", f"<sip:alice@example.com>;tag={our_tag}"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        *headers,
    ]
    if sdp:
        fields.append(("Content-Type", "application/sdp"))
    return Request(method, CONTACT, fields, sdp.encode())


def transaction(name: str) -> TransactionId:
    """A server transaction's id."""
    return TransactionId(name, "INVITE", "192.0.2.7:5070")


def told(outputs: Iterable[CallOutput]) -> list[str]:
    """The outputs in short: what is sent, asked and told, in order."""
    return [_short(output) for output in outputs]


def _short(output: CallOutput) -> str:
    match output:
        case SendRequest(ref, request):
            return f"{request.method} as {ref}"
        case SendAck():
            return "ACK"
        case Respond(_, response):
            return f"respond {response.status}"
        case AskMedia(question, sdp):
            return f"ask {question}: {sdp}"
        case Progressed(state, status):
            return f"{state} {status}"
        case Ended(status, reason, by):
            return f"ended {status} {reason} by {by}"
    return type(output).__name__


def request_of(outputs: Iterable[CallOutput]) -> Request:
    """The one request that is sent."""
    (found,) = [output.request for output in outputs if isinstance(output, SendRequest)]
    return found


def response_of(outputs: Iterable[CallOutput]) -> Response:
    """The one response that is sent."""
    (found,) = [output.response for output in outputs if isinstance(output, Respond)]
    return found
