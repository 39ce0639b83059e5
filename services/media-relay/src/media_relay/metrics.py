"""The relay's own metrics. What the data path counts is read from it at scrape time, packet by packet nothing is."""

from collections.abc import Callable, Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.metrics import SETUP_BUCKETS

from .datapath import DataPathStats

_PREFIX = "cordboard_media_relay"

HANDSHAKES = Counter(f"{_PREFIX}_dtls_handshakes_total", "Handshakes done with the certificate that was promised.")
FAILURES = Counter(f"{_PREFIX}_browsers_lost_total", "Sessions whose browser side ended by itself.", ("reason",))
EXPIRED = Counter(f"{_PREFIX}_sessions_expired_total", "Sessions ended because no agent commanded or released them.")
NATIVE = Gauge(f"{_PREFIX}_native", "1 if native code moves the packets, 0 if Python does.")
STAGES = Histogram(
    f"{_PREFIX}_setup_duration_seconds",
    "From allocation to the first answer, from there to the first DTLS handshake.",
    ("stage",),
    buckets=SETUP_BUCKETS,
)


class DataPathCollector(Collector):
    """Turns the data path's counters into metrics."""

    def __init__(self, stats: Callable[[], DataPathStats], sessions: Callable[[], int], capacity: int) -> None:
        self._stats = stats
        self._sessions = sessions
        self._capacity = capacity

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        stats = self._stats()
        yield GaugeMetricFamily(f"{_PREFIX}_sessions_active", "Media sessions.", value=self._sessions())
        yield GaugeMetricFamily(f"{_PREFIX}_session_capacity", "The most that are taken.", value=self._capacity)
        for what, value, text in (
            ("used", stats.ports.used, "RTP/RTCP port pairs in a session."),
            ("free", stats.ports.free, "RTP/RTCP port pairs to be had."),
            ("quarantined", stats.ports.quarantined, "Freed port pairs that wait for stray packets to end."),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_ports_{what}", text, value=value)
        packets = CounterMetricFamily(f"{_PREFIX}_packets", "Packets forwarded.", labels=("direction", "kind"))
        for (direction, kind), count in stats.totals.packets.items():
            packets.add_metric((direction, kind), count)
        yield packets
        octets = CounterMetricFamily(f"{_PREFIX}_bytes", "Bytes of packets forwarded.", labels=("direction", "kind"))
        for (direction, kind), count in stats.totals.bytes.items():
            octets.add_metric((direction, kind), count)
        yield octets
        drops = CounterMetricFamily(f"{_PREFIX}_drops", "Datagrams not forwarded.", labels=("reason",))
        for reason, count in stats.totals.drops.items():
            drops.add_metric((reason.value,), count)
        yield drops
