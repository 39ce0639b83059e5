"""What the relay counts, as Prometheus reads it."""

from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from media_relay.core.counters import Counters, Drop, Repair
from media_relay.core.ports import PortUse
from media_relay.datapath import DataPathStats
from media_relay.metrics import DataPathCollector

WITH_REASONS = ("drops_total", "repairs_total")


def samples(stats: DataPathStats) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    registry.register(DataPathCollector(lambda: stats, lambda: 3, 500))
    text = generate_latest(registry).decode()
    return {
        (sample.name.removeprefix("cordboard_media_relay_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_data_paths_counters_are_read_when_asked_for() -> None:
    totals = Counters(
        packets=Counter({("browser_to_sip", "audio"): 50}),
        bytes=Counter({("browser_to_sip", "audio"): 8600}),
        drops=Counter({Drop.ON_HOLD: 2}),
        repairs=Counter({Repair.RESENT_TO_SIP: 7}),
    )
    stats = DataPathStats(totals, {}, PortUse(used=4, free=995, quarantined=1))
    counted = {name: value for name, value in samples(stats).items() if value or name[0] not in WITH_REASONS}
    assert counted == {
        ("sessions_active",): 3,
        ("session_capacity",): 500,
        ("ports_used",): 4,
        ("ports_free",): 995,
        ("ports_quarantined",): 1,
        ("packets_total", "browser_to_sip", "audio"): 50,
        ("bytes_total", "browser_to_sip", "audio"): 8600,
        ("drops_total", "on_hold"): 2,
        ("repairs_total", "resent_to_sip"): 7,
    }
    assert samples(stats)["drops_total", "replay"] == 0  # from the start, so that its first time is a rise
    totals.drops[Drop.REPLAY] += 1
    assert samples(stats)["drops_total", "replay"] == 1
