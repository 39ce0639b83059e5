"""What is secret in a log: the values of names that say so, and inside texts what SIP, SDP, JSON and URLs hide."""

import re
from collections.abc import Mapping
from typing import Any

_STARS = "***"
_SECRET_NAME = re.compile(r"password|secret|token|credential|authorization|sealed|_keys?$", re.IGNORECASE)
_QUOTED = r'"(?:[^"\\]|\\.?)*"?'  # also where the text was cut off
_SECRET_TEXT = re.compile(
    rf"""
      (?P<name>(?:sipPassword|password|credential|secret|token|response)["']?\s*[=:]\s*)(?:{_QUOTED}|[^\s",;]+)
    | (?P<sdp>a=ice-pwd:|inline:)\S+
    | (?P<scheme>://)[^\s/?\#"'<>]+(?=@)  # the userinfo of a URL (RFC 3986 §3.2.1)
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def mask_text(text: str) -> str:
    """Star the secrets inside a text."""
    return _SECRET_TEXT.sub(_star, text)


def _star(found: re.Match[str]) -> str:
    if found["name"] is None:
        return f"{found['sdp'] or found['scheme']}{_STARS}"
    is_quoted = found[0][found.end("name") - found.start()] == '"'
    return found["name"] + (f'"{_STARS}"' if is_quoted else _STARS)


def mask_value(name: str, value: Any) -> Any:
    """Star a value, or what is secret in it. That something is switched on, or empty, is no secret."""
    if isinstance(value, bool) or not value:
        return value
    if _SECRET_NAME.search(name):
        return _STARS
    match value:
        case str():
            return mask_text(value)
        case list():
            return [mask_value("", each) for each in value]
        case tuple():  # a named one as well: its fields are not a sequence to make it of
            return tuple([mask_value("", each) for each in value])
        case Mapping():
            return {key: mask_value(str(key), each) for key, each in value.items()}
        case _:
            return value
