"""What a forwarder may know of a source, for tests: a steady one, unless said otherwise."""

from typing import Any

from media_relay.core.statistics import SourceStatistics
from shared.messages.media import Side


def source(side: Side = "browser", ssrc: int = 0xB1, stream: int = 0, **known: Any) -> SourceStatistics:
    """Return statistics of a source; `packets` came without a gap if no `highest_sequence` is given."""
    packets = known.get("packets", 100)
    values: dict[str, Any] = {
        "packets": packets,
        "octets": 160 * packets,
        "first_sequence": 1,
        "highest_sequence": packets,
        "jitter": 0.0,
        "last_heard": 10.0,
        "last_timestamp": 160 * packets,
        "sent_packets": packets,
        "sent_octets": 160 * packets,
    } | known
    return SourceStatistics(stream=stream, side=side, ssrc=ssrc, **values)
