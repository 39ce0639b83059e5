"""How pods know of each other."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .envelope import Command, Event

PodKind = Literal["signaling", "agent", "relay"]


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """Sent every 250 ms by every pod; a gap of a second means that it is in trouble."""

    kind: PodKind
    pod: str
    load: int  # sockets, accounts or media sessions
    capacity: int
    draining: bool = False
    incarnation: str = ""  # new at each start, so that a restart within one gap is seen
    full: bool = False  # takes nothing new for now, whatever load and capacity say
    address: str = ""  # of an agent: its SIP host:port
    at: float | UnsetType = UNSET  # the sender's clock, now and then: seconds since the epoch


class Probe(Command, frozen=True, kw_only=True, tag="probe"):
    """Asks a pod that is not heard whether it is there: `Done`, or no responders."""
