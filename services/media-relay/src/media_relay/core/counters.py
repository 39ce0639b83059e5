"""What is counted about media: packets and bytes that went through, and packets that did not, with the reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Direction = Literal["browser_to_sip", "sip_to_browser"]
PacketKind = Literal["audio", "video", "rtcp"]


class Drop(StrEnum):
    """Why a datagram was not forwarded."""

    UNKNOWN_SOURCE = "unknown_source"  # on the browser port, from an address that ICE has not validated
    STUN_AUTH = "stun_auth"  # a STUN message for nobody here, or without a valid MESSAGE-INTEGRITY
    SRTP_AUTH = "srtp_auth"
    REPLAY = "replay"
    NOT_CONNECTED = "not_connected"  # no SRTP keys yet, or the other side's address is not known yet
    NO_STREAM = "no_stream"  # the plan has no such stream
    ON_HOLD = "on_hold"  # the plan says that this side does not send
    UNKNOWN_PT = "unknown_pt"
    DURING_EVENT = "during_event"  # of the browser, while a telephone-event is sent in its place; its own, if too many
    LATCH_REFUSED = "latch_refused"  # on a SIP port, from a source that is not the peer's
    UNHEARD = "unheard"  # more than is sent to a SIP side that has not been heard yet
    SSRC_LIMIT = "ssrc_limit"  # too many synchronisation sources, or one that another stream uses
    TOO_MANY = "too_many"  # from one phone to another, more than a call has: they may go round between two relays
    FLOODED = "flooded"  # STUN and DTLS of one session, or that names it, more than a browser needs
    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    SEND_FAILED = "send_failed"


class Repair(StrEnum):
    """What was done about video that is lost or cannot be decoded."""

    RESENT_TO_BROWSER = "resent_to_browser"  # packets
    RESENT_TO_SIP = "resent_to_sip"
    ASKED_OF_BROWSER = "asked_of_browser"  # packets, each time that one is asked for
    PICTURES_OF_BROWSER = "pictures_of_browser"  # whole ones that were asked for
    PICTURES_OF_SIP = "pictures_of_sip"


@dataclass(slots=True)
class Counters:
    """Totals of one session, or of many."""

    packets: Counter[tuple[Direction, PacketKind]] = field(default_factory=Counter)
    bytes: Counter[tuple[Direction, PacketKind]] = field(default_factory=Counter)
    drops: Counter[Drop] = field(default_factory=Counter)
    repairs: Counter[Repair] = field(default_factory=Counter)

    def add(self, other: "Counters") -> None:
        """Add another's totals to these."""
        self.packets.update(other.packets)
        self.bytes.update(other.bytes)
        self.drops.update(other.drops)
        self.repairs.update(other.repairs)


def total(parts: Iterable[Counters]) -> Counters:
    """Return the sum."""
    result = Counters()
    for part in parts:
        result.add(part)
    return result
