"""The registrar's rules for one address of record (RFC 3261 §10.3), on plain data.

`now` here is the wall clock, for bindings outlive the process that made them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.errors import RemoteError
from shared.records import Binding
from sip_agent.core.syntax.uri import parse_uri

MAX_BINDINGS = 16


@dataclass(frozen=True)
class ContactChange:
    """One Contact of a REGISTER; `expires` is its own or the message's or the default."""

    uri: str
    expires: int
    q: float = 1.0
    instance: str = ""


@dataclass(frozen=True)
class Registration:
    """What a REGISTER asks; `remove_all` is `Contact: *`."""

    call_id: str
    cseq: int
    contacts: tuple[ContactChange, ...]
    remove_all: bool = False
    received: str = ""
    agent: str = ""


class IntervalTooBrief(RemoteError):
    """423; the response names the least interval in Min-Expires."""

    def __init__(self, min_expires: int) -> None:
        super().__init__(423, "Interval Too Brief")
        self.min_expires = min_expires


def live(bindings: Iterable[Binding], now: float) -> tuple[Binding, ...]:
    """Return the bindings that have not expired."""
    return tuple(binding for binding in bindings if binding.expires_at > now)


def register(bindings: Iterable[Binding], asked: Registration, min_expires: int, now: float) -> tuple[Binding, ...]:
    """Return the bindings after a REGISTER; raise `RemoteError`, and change nothing, if any part is refused."""
    current = live(bindings, now)
    if asked.remove_all:
        for binding in current:
            _check_order(binding, asked)
        return ()
    for change in asked.contacts:
        if 0 < change.expires < min_expires:
            raise IntervalTooBrief(min_expires)
        current = _apply(current, change, asked, now)
    if len(current) > MAX_BINDINGS:
        raise RemoteError(403, "Too Many Contacts")
    return current


def _check_order(binding: Binding, asked: Registration) -> None:
    # §10.3 step 6 and 7: within one Call-ID a binding obeys only a higher CSeq.
    if binding.call_id == asked.call_id and asked.cseq <= binding.cseq:
        raise RemoteError(500, "CSeq Out of Order")


def _apply(current: tuple[Binding, ...], change: ContactChange, asked: Registration, now: float) -> tuple[Binding, ...]:
    others = []
    for binding in current:
        if same_contact(binding, change):
            _check_order(binding, asked)
        else:
            others.append(binding)
    if change.expires == 0:
        return tuple(others)
    made = Binding(
        contact=change.uri,
        call_id=asked.call_id,
        cseq=asked.cseq,
        expires_at=now + change.expires,
        received=asked.received,
        agent=asked.agent,
        instance=change.instance,
        q=change.q,
    )
    return (*others, made)


def same_contact(binding: Binding, change: ContactChange) -> bool:
    """Whether a change is for this binding: one instance has one, else URIs are compared (§19.1.4)."""
    if change.instance and binding.instance:
        return change.instance == binding.instance
    if binding.contact == change.uri:
        return True
    return parse_uri(binding.contact).matches(parse_uri(change.uri))
