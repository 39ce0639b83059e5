"""The metrics that every service has. Each service's own are in its `metrics.py`.

Names: `cordboard_<component>_<what>_<unit>[_total]`; labels have few values: never an id, a user or an address.
"""

import asyncio
import platform
from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

_BUILD = Info("cordboard_build", "What runs here.")
DRAINING = Gauge("cordboard_draining", "1 while the pod takes no new work.")
LOOP_LAG = Histogram(
    "cordboard_event_loop_lag_seconds",
    "How late a timer of the event loop fired.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
TASKS = Gauge("cordboard_tasks", "Supervised tasks that run.", ("owner",))
TASK_FAILURES = Counter("cordboard_task_failures_total", "Supervised tasks that ended with an error.", ("owner",))

NATS_CONNECTED = Gauge("cordboard_nats_connected", "1 while the bus is connected.")
NATS_RECONNECTS = Counter("cordboard_nats_reconnects_total", "Times the bus came back.")
BUS_REQUESTS = Histogram(
    "cordboard_bus_request_duration_seconds",
    "Commands sent, from request to reply.",
    ("type", "result"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
BUS_HANDLED = Counter("cordboard_bus_messages_total", "Messages received.", ("type", "result"))
KV_CONFLICTS = Counter("cordboard_kv_cas_conflicts_total", "Writes that another one came before.", ("bucket",))
CLOCK_DIFFERENCE = Gauge(
    "cordboard_clock_difference_seconds", "The largest difference between our clock and that of a pod that is heard."
)
KV_REPLICAS_MISSING = Gauge(
    "cordboard_kv_replicas_missing", "How many replicas the bucket or stream that has the fewest lacks."
)

EVENTS_TOLD = Counter("cordboard_events_total", "Events for other services, by what became of them.", ("result",))
EVENTS_WAITING = Gauge("cordboard_events_waiting", "Events for other services that are not stored yet.")


def from_zero(counter: Counter, *values: str | tuple[str, ...]) -> None:
    """Let a counter be there before it counts: to Prometheus one that appears with 1 has not risen."""
    for value in values:
        counter.labels(*((value,) if isinstance(value, str) else value))


from_zero(EVENTS_TOLD, "stored", "retried", "refused", "dropped")

SETUP_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)

_LAG_PERIOD = 0.25


def tell_build(service: str) -> None:
    """Tell what runs here: the service, its version and Python's."""
    _BUILD.info({"service": service, "version": version(service), "python": platform.python_version()})


async def watch_loop_lag() -> None:
    """Measure the event loop's lag for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LAG_PERIOD
        await asyncio.sleep(_LAG_PERIOD)
        LOOP_LAG.observe(max(0.0, loop.time() - due))
