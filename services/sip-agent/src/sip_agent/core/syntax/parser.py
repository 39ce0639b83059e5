"""From bytes to messages (RFC 3261 §7, §18.3): datagrams by `parse`, streams by `StreamParser`.

Whatever the bytes are, the time is linear in their number and nothing but `ParseError` comes of them.
"""

import re
from enum import Enum, auto
from typing import TypeAlias

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import LWS, is_token, readable
from sip_agent.core.syntax.headers import Headers, is_field_name
from sip_agent.core.syntax.message import Request, Response

# What a peer may make us hold: far above what telephones and proxies send.
MAX_HEAD = 64 * 1024
MAX_HEADERS = 256
MAX_BODY = 128 * 1024

_FOLD = re.compile(r"\r\n[ \t]+")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_STATUS = re.compile(r"[1-6][0-9]{2}")
_REQUIRED = {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
_SINGLE = {**_REQUIRED, "max-forwards": "Max-Forwards", "content-type": "Content-Type"}
del _SINGLE["via"]
_END = b"\r\n\r\n"


class ParseError(SipError):
    """Bytes that are no acceptable SIP message.

    `request` is what could be read of it when that is enough for a stateless answer (RFC 3261 §8.2.6), else None.
    """

    def __init__(self, status: int, reason: str, request: Request | None = None) -> None:
        super().__init__(status, reason)
        self.request = request


class KeepAlive(Enum):
    """A sign of life between the messages of a stream (RFC 5626 §3.5.1)."""

    PING = auto()  # to be answered by a single CRLF


Received: TypeAlias = Request | Response | ParseError | KeepAlive


def is_keep_alive(data: bytes) -> bool:
    """Whether a datagram only keeps a NAT binding open: empty, line breaks, spaces or zeros."""
    return not data.strip(b"\r\n\0 ")


def parse(data: bytes) -> Request | Response:
    """Read one datagram. What follows the body is ignored, a body cut short is refused (§18.3)."""
    start = len(data) - len(data.lstrip(b"\r\n"))  # §7.5
    end = data.find(_END, start, start + MAX_HEAD + len(_END))
    if end < 0:
        raise ParseError(400, "Missing Empty Line") if len(data) <= MAX_HEAD else ParseError(513, "Message Too Large")
    message, error = _read_head(data[start:end])
    try:
        if error is not None:
            raise error
        length = _content_length(message)
        body = data[end + len(_END) :]
        if length is not None:
            if length > len(body):
                raise SipError(400, "Bad Content-Length")
            body = body[:length]
        message.body = body
        _check(message)
    except SipError as found:
        raise _with_request(found, message) from None
    return message


class StreamParser:
    """Divides a stream into messages by their Content-Length, which is mandatory here (§18.3)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._waiting: Request | Response | None = None
        self._error: SipError | None = None
        self._length = 0
        self.broken = False
        """No further message can be found: the connection is of no more use."""

    @property
    def is_within_message(self) -> bool:
        """Whether a message has begun and is not complete; a line break alone is none, but the answer to a ping."""
        return self._waiting is not None or bool(self._buffer.lstrip(b"\r\n"))

    def feed(self, data: bytes) -> list[Received]:
        """Take in bytes; give what they complete. A `ParseError` in the list is one bad message, in its place."""
        if self.broken:
            return []
        self._buffer += data
        received: list[Received] = []
        try:
            while (item := self._next()) is not None:
                received.append(item)
        except ParseError as error:
            self.broken = True
            self._buffer.clear()
            received.append(error)
        return received

    def _next(self) -> Received | None:
        if self._waiting is None:
            if self._skip_line_breaks():
                return KeepAlive.PING
            if not self._take_head():
                return None
        return self._take_body()

    def _skip_line_breaks(self) -> bool:
        """Drop the line breaks before a message; True for each pair of them that stands alone as a ping."""
        buffer = self._buffer
        if buffer.startswith(_END):
            del buffer[: len(_END)]
            return True
        if buffer.startswith(b"\r\n") and len(buffer) > 2 and not _END.startswith(bytes(buffer[:4])):
            del buffer[:2]
        return False

    def _take_head(self) -> bool:
        """Read the head when it is complete; what is wrong with it decides whether the stream can go on."""
        end = self._buffer.find(_END, max(0, self._searched - len(_END) + 1), MAX_HEAD + len(_END))
        if end < 0:
            self._searched = len(self._buffer)
            if self._searched > MAX_HEAD:
                raise ParseError(513, "Message Too Large")
            return False
        head = bytes(self._buffer[:end])
        del self._buffer[: end + len(_END)]
        self._searched = 0
        message, self._error = _read_head(head)
        try:
            if self._error is not None and self._error.status == 513:  # a Content-Length may be in what was not read
                raise self._error
            length = _content_length(message)
            if length is None:
                raise SipError(400, "Missing Content-Length")
            if length > MAX_BODY:
                raise SipError(413, "Request Entity Too Large")
        except SipError as error:
            raise _with_request(error, message) from None
        self._waiting, self._length = message, length
        return True

    def _take_body(self) -> Received | None:
        message = self._waiting
        if message is None or len(self._buffer) < self._length:
            return None
        message.body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._waiting = None
        try:
            if self._error is not None:
                raise self._error
            _check(message)
        except SipError as error:
            return _with_request(error, message)
        return message


def _read_head(head: bytes) -> tuple[Request | Response, SipError | None]:
    """The message without its body, and what is wrong with it if a peer that means well could be told."""
    text = head.decode("utf-8", "surrogateescape")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    start_line, *lines = text.split("\r\n")
    # A line break of half a kind would pass for a whole one at a laxer peer behind us.
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise ParseError(400, "Bare Line Break")
    items: list[tuple[str, str]] = []
    error: SipError | None = None
    if len(lines) > MAX_HEADERS:
        error = SipError(513, "Message Too Large")  # what an answer needs comes first, as a rule
        del lines[MAX_HEADERS:]
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(LWS)
        if not colon or not is_field_name(name):
            error = error or SipError(400, "Bad Header")
            continue
        items.append((name, value.strip(LWS)))
    headers = Headers(items)
    read = _read_status_line if start_line[:4].upper() == "SIP/" else _read_request_line
    message, start_error = read(start_line, headers)
    return message, start_error or error


def _read_status_line(line: str, headers: Headers) -> tuple[Response, SipError | None]:
    version, _, rest = line.partition(" ")
    status, _, reason = rest.partition(" ")
    # A reason phrase is for people, and old peers write it in the encoding of their country.
    response = Response(int(status) if _STATUS.fullmatch(status) else 0, readable(reason), headers)
    bad = version.upper() != "SIP/2.0" or response.status == 0
    return response, SipError(400, "Bad Status-Line") if bad else None


def _read_request_line(line: str, headers: Headers) -> tuple[Request, SipError | None]:
    parts = line.split(" ")
    if len(parts) < 3 or not is_token(parts[0]):
        raise ParseError(400, "Bad Request-Line")
    request = Request(parts[0], " ".join(parts[1:-1]), headers)
    if parts[-1].upper() != "SIP/2.0" and _VERSION.fullmatch(parts[-1]):
        return request, SipError(505, "Version Not Supported")
    # §25.1: single spaces divide the line and a Request-URI holds none; nor does it stand in angle brackets.
    if parts[-1].upper() != "SIP/2.0" or len(parts) != 3 or not parts[1] or parts[1][0] == "<":
        return request, SipError(400, "Bad Request-Line")
    return request, None


def _content_length(message: Request | Response) -> int | None:
    values = message.headers.lines("Content-Length")
    if not values:
        return None
    value = values[0]
    if len(values) > 1 or not (value.isascii() and value.isdigit() and len(value) <= 10):
        raise SipError(400, "Bad Content-Length")
    return int(value)


def _check(message: Request | Response) -> None:
    """What every element must understand (§16.3, §8.1.1): more is checked by whoever uses it."""
    headers = message.headers
    index = headers.index
    for key, name in _REQUIRED.items():
        if key not in index or not index[key][0]:
            raise SipError(400, f"Missing {name}")
    for key, name in _SINGLE.items():
        if key in index and len(index[key]) > 1:
            raise SipError(400, f"Several {name}")
    method = message.cseq[1]
    if isinstance(message, Request) and method != message.method:
        raise SipError(400, "CSeq Method Mismatch")
    # Reading is the check, and what is read is kept for those who ask next.
    _ = message.top_via, message.from_, message.to


def _with_request(error: SipError, message: Request | Response) -> ParseError:
    """The error with the request to answer: not for ACK, and not where nothing says where the answer belongs."""
    if not isinstance(message, Request) or message.method == "ACK" or "Via" not in message.headers:
        return ParseError(error.status, error.reason)
    return ParseError(error.status, error.reason, message)
