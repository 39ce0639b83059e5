"""The relay's own metrics. What the data path counts is read from it at scrape time, packet by packet nothing is."""

from collections.abc import Callable, Iterator
from typing import get_args

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.messages.media import Side, SoundOutcome
from shared.metrics import SETUP_BUCKETS, from_zero

from .browser.transport import FailureReason
from .core.counters import Drop, Repair
from .datapath import DataPathStats

_PREFIX = "cordboard_media_relay"

HANDSHAKES = Counter(f"{_PREFIX}_dtls_handshakes_total", "Handshakes done with the certificate that was promised.")
FAILURES = Counter(f"{_PREFIX}_browsers_lost_total", "Sessions whose browser side ended by itself.", ("reason",))
EXPIRED = Counter(f"{_PREFIX}_sessions_expired_total", "Sessions ended because no agent commanded or released them.")
SOUNDS = Counter(f"{_PREFIX}_sounds_total", "Sounds that were played, by how they ended.", ("outcome",))
NATIVE = Gauge(f"{_PREFIX}_native", "1 if native code moves the packets, 0 if Python does.")
BUSIEST_THREAD = Gauge(f"{_PREFIX}_busiest_thread_ratio", "Of a core, used by the busiest thread.")
STAGES = Histogram(
    f"{_PREFIX}_setup_duration_seconds",
    "From allocation to the first answer, from there to the first DTLS handshake.",
    ("stage",),
    buckets=SETUP_BUCKETS,
)

_LEG = ("side", "kind")
LOSS = Histogram(
    f"{_PREFIX}_loss_ratio",
    "Share of what a side sent that did not come, in some seconds of a call.",
    _LEG,
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
)
JITTER = Histogram(
    f"{_PREFIX}_jitter_seconds",
    "Jitter of what a side sends (RFC 3550), once in some seconds of a call.",
    _LEG,
    buckets=(0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2),
)
ROUND_TRIP = Histogram(
    f"{_PREFIX}_round_trip_seconds",
    "From the relay to a side and back, once in some seconds of a call.",
    _LEG,
    buckets=(0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0),
)
MOS = Histogram(
    f"{_PREFIX}_mos",
    "What a listener would say of a side's audio (ITU-T G.107), 1 to 4.4, once in some seconds of a call.",
    _LEG,
    buckets=(2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.3),
)
ONE_WAY_AUDIO = Counter(f"{_PREFIX}_one_way_audio_total", "Times that one side was not heard any more.", ("side",))
SILENCE = Counter(f"{_PREFIX}_silence_total", "Times that neither side was heard any more.")
OWN_REPORTS = Counter(
    f"{_PREFIX}_own_reports_total", "RTCP reports made here, because the other side sends none.", ("to",)
)

from_zero(FAILURES, *get_args(FailureReason))
from_zero(SOUNDS, *get_args(SoundOutcome))
from_zero(ONE_WAY_AUDIO, *get_args(Side))
from_zero(OWN_REPORTS, *get_args(Side))


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
        yield GaugeMetricFamily(f"{_PREFIX}_session_capacity", "The most new ones.", value=self._capacity)
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
        for reason in Drop:
            drops.add_metric((reason.value,), stats.totals.drops[reason])
        yield drops
        repairs = CounterMetricFamily(f"{_PREFIX}_repairs", "Packets resent and asked for, pictures.", labels=("what",))
        for done in Repair:
            repairs.add_metric((done.value,), stats.totals.repairs[done])
        yield repairs
