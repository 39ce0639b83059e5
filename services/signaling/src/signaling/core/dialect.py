"""The languages that pages speak: each reads texts as the requests of `requests`, and writes the frames of `frames`.

A socket's first text tells which one it is. What a session does is the same in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .frames import Error, Event, Ok, encode
from .requests import AnyRequest, HangupRequest, decode

Frame = Ok | Error | Event


@dataclass(frozen=True)
class Read:
    """What a text asks for, and what is to be said at once."""

    requests: tuple[AnyRequest, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """How a frame is said; the calls that the page would end then, if it could; whether that was the last word."""

    texts: tuple[str, ...] = ()
    hangups: tuple[HangupRequest, ...] = ()
    is_last: bool = False


class Dialect(Protocol):
    """One socket's."""

    @property
    def is_kept(self) -> bool:
        """Whether the session outlives a socket that is lost."""

    @property
    def page(self) -> Mapping[str, Any]:
        """What the page has said of itself beside its account, without secrets."""

    @property
    def renegotiates(self) -> bool:
        """Whether a page can bring a call's media by another connection."""

    def call_name(self, call_id: str) -> str:
        """Return what the page calls a call."""

    def data_name(self, request_id: str) -> str:
        """Return what the page calls data that it sends."""

    def read(self, text: str) -> Read:
        """Read a text of the page; raise `PageError` if it is none of this language."""

    def write(self, frame: Frame) -> Written:
        """Say a frame."""


class Cordboard:
    """Our own, `docs/web-protocol.md`: texts are requests and frames are texts."""

    is_kept = True
    page: Mapping[str, Any] = {}
    renegotiates = True

    def call_name(self, call_id: str) -> str:
        """Return the id: it is the page's."""
        return call_id

    def data_name(self, request_id: str) -> str:
        """Return the request's id."""
        return request_id

    def read(self, text: str) -> Read:
        """Read one request."""
        return Read((decode(text),))

    def write(self, frame: Frame) -> Written:
        """Say it as it is."""
        return Written((encode(frame),))
