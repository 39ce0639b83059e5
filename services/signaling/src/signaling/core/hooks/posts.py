"""What is posted to the web server, what its reply means, and who puts our terms into its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import msgspec

from ..frames import Event, LiveCall
from ..outputs import Answer, HangUp, PlaceCall, SendData, SendMessage, Use
from ..requests import SipCredentials

Question = PlaceCall | Answer | Use | SendMessage | SendData
"""What a page asks for and the web server may refuse. A hang-up is only told: nobody may keep a call alive."""


@dataclass(frozen=True)
class Post:
    """One request of ours: the name of the method, which is the end of the URL, and the fields of its body."""

    method: str
    body: dict[str, Any]


class Outcome(Enum):
    """What came of a post; the value is the metric's label."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    FAILED = "failed"  # no reply in time, or none that says anything
    SKIPPED = "skipped"  # not posted: too many have failed


@dataclass(frozen=True)
class Reply:
    """What the web server has said. `fields` are those of the body of a reply that allows."""

    outcome: Outcome
    fields: Mapping[str, Any]


_UNCERTAIN = (408, 425, 429)  # of the 4xx those that mean "not now" (RFC 9110 §15.5.9, RFC 8470, RFC 6585)
_objects: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def read_reply(status: int, body: bytes) -> Reply:
    """Return what a reply means: 2xx allows, 4xx refuses; a 2xx whose body is neither empty nor an object is none."""
    if 400 <= status < 500 and status not in _UNCERTAIN:
        return Reply(Outcome.REFUSED, {})
    if not 200 <= status < 300:
        return Reply(Outcome.FAILED, {})
    if not body.strip():
        return Reply(Outcome.ALLOWED, {})
    try:
        return Reply(Outcome.ALLOWED, _objects.decode(body))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Reply(Outcome.FAILED, {})


class Wording(Protocol):
    """One session's posts; None is what this form has no word for."""

    def connect(self, account: SipCredentials | None) -> Post:
        """Somebody wants to log in; without an account where the page has named none."""

    def account(self, given: SipCredentials | None, reply: Mapping[str, Any]) -> SipCredentials:
        """Return the account as the reply to `connect` wants it; raise `RemoteError` if that is none."""

    def ask(self, question: Question) -> Post:
        """The page wants to do something."""

    def hang_up(self, work: HangUp) -> Post | None:
        """The page ends a call."""

    def incoming(self, call_id: str, caller: str, caller_name: str, callee: str, has_video: bool) -> Post:
        """Somebody calls the page."""

    def connection(self, account: str, is_open: bool) -> Post:
        """The socket is there, or gone."""

    def resumed(self, calls: tuple[LiveCall, ...]) -> None:
        """The session, and these calls, come from another socket."""

    def failed(self, call_id: str, status: int, reason: str) -> Post | None:
        """A call could not be begun, or shown."""

    def told(self, event: Event) -> Post | None:
        """The page has been told an event."""
