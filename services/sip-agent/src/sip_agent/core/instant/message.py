"""What an instant message says, in a MESSAGE of ours or of others (RFC 3428 §4, §7)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sip_agent.core.dialog.dialog import MAX_FORWARDS
from sip_agent.core.dialog.extra_headers import printable
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import TOKEN_CHARACTERS, find_param, parse_params, readable, unquote
from sip_agent.core.syntax.message import Request, Response, make_response

MAX_BODY = 64 * 1024
ACCEPT = "text/plain, text/html"
_READ = frozenset(ACCEPT.split(", "))
# Somebody is typing (RFC 3994): understood, and of no interest to a page. A refusal would make some phones warn.
_DROPPED = "application/im-iscomposing+xml"
_CHARSETS = {"": "utf-8", "utf-8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "iso-8859-1"}
_TYPE = re.compile(rf"[{TOKEN_CHARACTERS}]+/[{TOKEN_CHARACTERS}]+(?:[ \t]*;.*)?", re.DOTALL)


@dataclass(frozen=True)
class InstantMessage:
    """A message that a session is to be shown."""

    sender: str
    sender_name: str
    body: str
    content_type: str


def read(request: Request, to_tag: str | None = None) -> InstantMessage | Response:
    """Return what a MESSAGE says, or the response to it where there is nothing to show."""
    kind = request.content_type or "text/plain"
    if kind == _DROPPED:
        return make_response(request, 200, None, to_tag)
    charset = _charset(request)
    if kind not in _READ or charset is None:
        return make_response(request, 415, None, to_tag, [("Accept", ACCEPT)])
    if (request.headers.get("Content-Encoding") or "identity").strip().lower() != "identity":
        return make_response(request, 415, None, to_tag, [("Accept-Encoding", "identity")])
    if len(request.body) > MAX_BODY:
        return make_response(request, 413, None, to_tag)
    return InstantMessage(
        readable(str(request.from_.uri)),
        readable(request.from_.display_name),
        request.body.decode(charset, "replace"),
        f"{kind};charset=UTF-8",
    )


def _charset(request: Request) -> str | None:
    _, semicolon, params = (request.headers.get("Content-Type") or "").partition(";")
    named = find_param(parse_params(semicolon + params, "Content-Type"), "charset") if semicolon else None
    return _CHARSETS.get(unquote(named or "").lower())


def check(body: str, content_type: str) -> None:
    """Refuse what a page may not send."""
    if len(body.encode()) > MAX_BODY:
        raise SipError(413, "Message Too Large")
    if printable(content_type) != content_type or _TYPE.fullmatch(content_type) is None:
        raise SipError(400, "Bad Content Type")


def compose(
    identity: Identity,
    target: str,
    call_id: str,
    from_tag: str,
    headers: Iterable[tuple[str, str]],
    body: str,
    content_type: str,
) -> Request:
    """Return a MESSAGE outside any dialog, without Contact (§4); raise `SipError` for what a page may not send."""
    check(body, content_type)
    fields = [
        ("Max-Forwards", MAX_FORWARDS),
        ("From", str(identity.address.with_tag(from_tag))),
        ("To", f"<{target}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 MESSAGE"),
        *headers,
        ("Content-Type", content_type),
    ]
    return Request("MESSAGE", target, fields, body.encode())
