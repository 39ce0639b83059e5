"""What is asked of DNS and what it answers (RFC 3263 §4), and the order in which records are to be used."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from sip_agent.core.events import Transport

Chance: TypeAlias = Callable[[], float]

# RFC 3263 §4.1: the services of SIP, and the transports that they stand for.
_SERVICES: dict[str, Transport] = {"SIPS+D2T": "tls", "SIP+D2T": "tcp", "SIP+D2U": "udp"}


@dataclass(frozen=True, slots=True)
class Question:
    """One look-up. "ADDRESS" is for A and AAAA together."""

    kind: Literal["NAPTR", "SRV", "ADDRESS"]
    name: str


class Naptr(NamedTuple):
    """RFC 3403 §4.1, without the regular expression: records of SIP have a replacement."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: str


Record: TypeAlias = Naptr | Srv | str


def usable_services(records: Iterable[Record], secure: bool) -> list[tuple[Transport, str]]:
    """The transports that a domain offers, with the names of their SRV records, best first.

    RFC 3403 §4.1: among those that we understand the lowest order alone counts, within it the preference.
    `secure` leaves those of SIPS (§4.1).
    """
    understood = sorted(
        record
        for record in records
        if isinstance(record, Naptr)
        and record.flags.lower() == "s"
        and record.service.upper() in _SERVICES
        and (not secure or record.service.upper() == "SIPS+D2T")
    )
    return [
        (_SERVICES[record.service.upper()], record.replacement)
        for record in understood
        if record.order == understood[0].order
    ]


def by_priority(records: Iterable[Record], chance: Chance) -> list[Srv]:
    """The servers in the order in which to try them (RFC 2782): by priority, within it by lot according to weight."""
    groups: dict[int, list[Srv]] = {}
    for record in records:
        if isinstance(record, Srv) and record.target not in ("", "."):  # ".": decidedly not offered here
            groups.setdefault(record.priority, []).append(record)
    return [record for priority in sorted(groups) for record in _by_weight(groups[priority], chance)]


def _by_weight(records: Sequence[Srv], chance: Chance) -> list[Srv]:
    # Those of weight 0 stand first, which gives them a very small chance beside others.
    left = sorted(records, key=lambda record: record.weight > 0)
    drawn = []
    while left:
        lot = chance() * sum(record.weight for record in left)
        running = 0
        for record in left:
            running += record.weight
            if running >= lot:
                break
        left.remove(record)
        drawn.append(record)
    return drawn
