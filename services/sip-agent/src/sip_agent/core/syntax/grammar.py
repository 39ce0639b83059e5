"""The pieces of grammar that header fields share (RFC 3261 §25.1): tokens, quoted strings, parameters, comma lists.

Every pattern here runs in linear time: no two neighbouring repetitions can match the same character and then fail.
"""

import re
from collections.abc import Iterable

from sip_agent.core.errors import SipError

LWS = " \t"
Params = tuple[tuple[str, str | None], ...]

TOKEN_CHARACTERS = r"A-Za-z0-9\-.!%*_+`'~"
_TOKEN = re.compile(rf"[{TOKEN_CHARACTERS}]+")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
# A value may hold more than token and host allow (an "@" in a tag is seen in the field), never what ends a parameter.
_PARAM = re.compile(
    rf"[ \t]*;[ \t]*([{TOKEN_CHARACTERS}]+)[ \t]*(?:=[ \t]*({_QUOTED}|[^\x00-\x20\x7f\",;<>]+))?[ \t]*", re.DOTALL
)
_ELEMENT = re.compile(rf"(?:[^\",<]++|{_QUOTED}|<[^>]*+>)*+", re.DOTALL)
# More digits than the grammar's three, and none before the point, are written all the same and mean one thing only.
_QVALUE = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?|\.[0-9]+")
_LINE_BREAKS = str.maketrans("\r\n\0", "   ")


def is_token(text: str) -> bool:
    """Whether `text` is a token."""
    return _TOKEN.fullmatch(text) is not None


def quote(text: str) -> str:
    """`text` as a quoted string. Line breaks cannot be written in one and become spaces."""
    return '"' + text.translate(_LINE_BREAKS).replace("\\", "\\\\").replace('"', '\\"') + '"'


def readable(text: str) -> str:
    """`text` for people, records and logs: bytes that are no UTF-8, kept on the wire as they came, are replaced."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def unquote(text: str) -> str:
    """What a quoted string means; other text is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def parse_params(text: str, what: str) -> Params:
    """The parameters in `;name=value;name`, values as written (quotes included)."""
    params: list[tuple[str, str | None]] = []
    position, end = 0, len(text)
    while position < end:
        found = _PARAM.match(text, position)
        if found is None:
            raise SipError(400, f"Bad {what}")
        params.append((found[1], found[2]))
        position = found.end()
    return tuple(params)


def print_params(params: Params) -> str:
    """The parameters as they go on the wire, each with its semicolon."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def find_param(params: Params, name: str) -> str | None:
    """The value of parameter `name` in any case; "" when it stands without a value, None when it is not there."""
    for key, value in params:
        if key == name or key.lower() == name:
            return "" if value is None else value
    return None


def qvalue(text: str | None, malformed: float) -> float:
    """How much a `q` parameter prefers something, from 0 to 1: 1 where there is none (§20.10).

    RFC 3261 gives no meaning to what is no qvalue: that is for the reader to say.
    """
    if text is None:
        return 1.0
    return round(float(text), 3) if _QVALUE.fullmatch(text) else malformed


def without_params(params: Params, names: Iterable[str]) -> Params:
    """The parameters that are not in `names`, which are in lower case."""
    return tuple([param for param in params if param[0].lower() not in names])


def split_list(text: str, what: str) -> list[str]:
    """The elements of a comma list; commas in quotes and in angle brackets divide nothing."""
    if "," not in text:
        element = text.strip(LWS)
        return [element] if element else []
    elements: list[str] = []
    position, end = 0, len(text)
    while position <= end:
        found = _ELEMENT.match(text, position)
        assert found is not None, "the pattern matches the empty string too"
        element, position = found[0].strip(LWS), found.end()
        if not element or (position < end and text[position] != ","):
            raise SipError(400, f"Bad {what}")
        elements.append(element)
        position += 1
    return elements
