"""Requests and responses (RFC 3261 §7): a start line, header fields as written, a body of bytes.

Reading is lazy: a typed view parses its field when it is first asked for and raises `SipError` when the field is bad.
"""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from shared.errors import LocalError
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import LWS, TOKEN_CHARACTERS
from sip_agent.core.syntax.headers import Headers, key_of
from sip_agent.core.syntax.reasons import REASONS, reason_of
from sip_agent.core.syntax.uri import NameAddr, SipUri
from sip_agent.core.syntax.via import MAGIC_COOKIE, Via

__all__ = [
    "MAGIC_COOKIE",
    "REASONS",
    "Headers",
    "Message",
    "NameAddr",
    "Request",
    "Response",
    "SipError",
    "Via",
    "make_response",
    "reason_of",
]

T = TypeVar("T")

_CSEQ = re.compile(rf"([0-9]+)[ \t]+([{TOKEN_CHARACTERS}]+)")
_CSEQ_LIMIT = 2**31  # §8.1.1.5
_SECONDS_LIMIT = 2**32 - 1  # §20.19


class Message:
    """What requests and responses share. A message that went on the wire is not changed any more."""

    __slots__ = ("headers", "body")

    def __init__(self, headers: Headers | Iterable[tuple[str, str]], body: bytes) -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body

    @property
    def start_line(self) -> str:
        """The first line, without its line break."""
        raise LocalError("a bare message has no start line")

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire, with the Content-Length of its body.

        A line break inside a field would let whoever chose its text write fields of their own: that is our bug.
        """
        length = str(len(self.body))
        lines, has_length = [self.start_line], False
        for name, value in self.headers:
            if key_of(name) == "content-length":
                if has_length:
                    continue
                has_length, value = True, length
            lines.append(f"{name}: {value}")
        if not has_length:
            lines.append(f"Content-Length: {length}")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            raise LocalError("a header field holds a line break")
        return f"{head}\r\n\r\n".encode("utf-8", "surrogateescape") + self.body

    def __repr__(self) -> str:
        return f"<{self.start_line!r}, {len(self.headers)} headers, {len(self.body)} bytes>"

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return _required(self.headers, "Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """CSeq: number and method."""
        return self.headers.view("cseq", _read_cseq)

    @property
    def from_(self) -> NameAddr:
        """From."""
        return self.headers.view("from", _read_from)

    @property
    def to(self) -> NameAddr:
        """To."""
        return self.headers.view("to", _read_to)

    @property
    def vias(self) -> list[Via]:
        """Every Via, the nearest hop first."""
        return self.headers.view("via", _read_vias)

    @property
    def top_via(self) -> Via:
        """The Via of the nearest hop; 400 when there is none."""
        return self.headers.view("first via", _read_top_via)

    @property
    def contacts(self) -> list[NameAddr]:
        """The addresses in Contact; none for "*", see `contact_is_star`."""
        return self.headers.view("contact", _read_contacts)

    @property
    def contact_is_star(self) -> bool:
        """Whether Contact is "*": all bindings (§10.2.2)."""
        return _is_star(self.headers)

    @property
    def routes(self) -> list[NameAddr]:
        """Route, the next hop first."""
        return self.headers.view("route", _read_routes)

    @property
    def record_routes(self) -> list[NameAddr]:
        """Record-Route as written: the hop nearest to the callee first."""
        return self.headers.view("record-route", _read_record_routes)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards."""
        return _number(self.headers, "Max-Forwards", 255)

    @property
    def expires(self) -> int | None:
        """Expires, in seconds."""
        return _number(self.headers, "Expires", _SECONDS_LIMIT)

    @property
    def retry_after(self) -> int:
        """Retry-After, in seconds (§20.33); 0 when it is missing or cannot be read."""
        digits = (self.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip(LWS)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0

    @property
    def content_type(self) -> str | None:
        """The media type in lower case, without its parameters."""
        value = self.headers.get("content-type")
        return None if value is None else value.partition(";")[0].strip(LWS).lower()

    def has_option(self, name: str, option: str) -> bool:
        """Whether a list of option tags (Supported, Require, Allow, ...) names `option`."""
        return option.lower() in [value.lower() for value in self.headers.get_all(name)]


class Request(Message):
    """A request; `uri` is the Request-URI as written, `challenges` how many have been answered with it so far."""

    __slots__ = ("method", "uri", "challenges")

    def __init__(
        self, method: str, uri: str, headers: Headers | Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri
        self.challenges = 0

    @property
    def start_line(self) -> str:
        """The Request-Line."""
        return f"{self.method} {self.uri} SIP/2.0"

    @property
    def parsed_uri(self) -> SipUri:
        """The Request-URI; 416 when it is not a SIP URI."""
        return SipUri.parse(self.uri)

    def copy(self) -> "Request":
        """A copy whose headers change apart from this one's."""
        made = Request(self.method, self.uri, self.headers.copy(), self.body)
        made.challenges = self.challenges
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and (self.method, self.uri, self.headers, self.body) == (
            other.method,
            other.uri,
            other.headers,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable


class Response(Message):
    """A response."""

    __slots__ = ("status", "reason")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason_of(status) if reason is None else reason

    @property
    def start_line(self) -> str:
        """The Status-Line."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def copy(self) -> "Response":
        """A copy whose headers change apart from this one's."""
        return Response(self.status, self.reason, self.headers.copy(), self.body)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Response) and (self.status, self.reason, self.headers, self.body) == (
            other.status,
            other.reason,
            other.headers,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable


# §8.2.6.2; Record-Route goes into every response that may make a dialog (§12.1.1).
_COPIED = frozenset({"via", "from", "to", "call-id", "cseq", "record-route"})


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """The response to `request` with what §8.2.6 copies. `to_tag` is used only when To has no tag yet.

    The copied fields are not parsed: a malformed request can be answered too.
    """
    items: list[tuple[str, str]] = []
    for name, value in request.headers:
        key = key_of(name)
        if key == "to" and to_tag is not None and ";tag" not in value.replace(" ", "").lower():
            value = f"{value};tag={to_tag}"
        if key in _COPIED or (key == "timestamp" and status == 100):
            items.append((name, value))
    items.extend(headers)
    if content_type is not None:
        items.append(("Content-Type", content_type))
    return Response(status, reason, items, body)


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SipError(400, f"Missing {name}")
    return value


def _read_cseq(headers: Headers) -> tuple[int, str]:
    found = _CSEQ.fullmatch(_required(headers, "CSeq"))
    if found is None or len(found[1]) > 20 or int(found[1]) >= _CSEQ_LIMIT:
        raise SipError(400, "Bad CSeq")
    return int(found[1]), found[2]


def _read_from(headers: Headers) -> NameAddr:
    return NameAddr.parse(_required(headers, "From"), "From")


def _read_to(headers: Headers) -> NameAddr:
    return NameAddr.parse(_required(headers, "To"), "To")


def _read_vias(headers: Headers) -> list[Via]:
    return [Via.parse(value) for value in headers.get_all("Via")]


def _read_top_via(headers: Headers) -> Via:
    line = _required(headers, "Via")
    return Via.parse(line if "," not in line else headers.get_all("Via")[0])


def _is_star(headers: Headers) -> bool:
    return (headers.get("Contact") or "").strip(LWS) == "*"


def _read_contacts(headers: Headers) -> list[NameAddr]:
    return [] if _is_star(headers) else _read_contact_lines(headers)


def _addresses(name: str) -> Callable[[Headers], list[NameAddr]]:
    return lambda headers: [NameAddr.parse(value, name) for value in headers.get_all(name)]


_read_contact_lines, _read_routes, _read_record_routes = map(_addresses, ("Contact", "Route", "Record-Route"))


def _number(headers: Headers, name: str, limit: int) -> int | None:
    value = headers.get(name)
    if value is None:
        return None
    # A number of any length is legal where only its meaning is bounded; int() of a huge one is not linear.
    if not (value.isascii() and value.isdigit() and len(value) <= 20 and int(value) <= limit):
        raise SipError(400, f"Bad {name}")
    return int(value)
