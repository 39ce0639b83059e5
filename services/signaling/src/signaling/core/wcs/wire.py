"""The frames: `{"message": name, "data": [argument, ...]}`, both ways.

The SDK reads `data[0]` of whatever comes, so `data` is always there; what a page sends has one argument, maybe null.
"""

from typing import Any

import msgspec

from ..errors import bad_request


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says. Its argument has fields that we do not know; they are let be."""

    message: str
    data: list[Any] | None

    @property
    def argument(self) -> dict[str, Any]:
        """The fields of the argument; none if it has none."""
        first = self.data[0] if self.data else None
        return first if isinstance(first, dict) else {}


_decoder = msgspec.json.Decoder(Message)
_encoder = msgspec.json.Encoder()


def is_wcs(text: str) -> bool:
    """Whether a socket that begins so speaks this protocol."""
    try:
        _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def decode(text: str) -> Message:
    """Read a frame; raise `PageError`."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise bad_request(f"Bad Message: {error}") from error


def encode(message: str, *data: Any) -> str:
    """Return a frame as text."""
    return _encoder.encode({"message": message, "data": data}).decode()


def text_of(argument: dict[str, Any], name: str) -> str:
    """Return a field that is a text, or a number as a form gives it; empty if it is not there."""
    value = argument.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def flag_of(argument: dict[str, Any], name: str, default: bool) -> bool:
    """Return a field that is true or false, or one of these as text."""
    value = argument.get(name)
    if isinstance(value, bool):
        return value
    return value.lower() == "true" if isinstance(value, str) and value else default
