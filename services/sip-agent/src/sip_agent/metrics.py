"""The metrics of sip-agent. Labels have few values: a method, a class of codes, a state."""

import contextlib
import functools
from collections.abc import Iterator
from typing import get_args

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.metrics import SETUP_BUCKETS, from_zero
from sip_agent.core.policy.destination import Reason
from sip_agent.core.transaction.counts import METHODS
from sip_agent.core.transaction.layer import TransactionLayer

REGISTRATIONS = Gauge("cordboard_sip_agent_registrations", "Accounts by the state of their registration.", ("state",))
ACCOUNT_CAPACITY = Gauge(
    "cordboard_sip_agent_account_capacity", "Accounts that are taken; more only of an agent that leaves or died."
)
CALLS_ACTIVE = Gauge("cordboard_sip_agent_calls_active", "Calls that have not ended.", ("direction",))
CALLS = Counter("cordboard_sip_agent_calls_total", "Calls that have ended.", ("direction", "result", "code_class"))
SETUP = Histogram(
    "cordboard_sip_agent_call_setup_seconds",
    "From the INVITE to a stage of the call.",
    ("direction", "stage"),
    buckets=SETUP_BUCKETS,
)
# What every call counts: a child is looked up under a lock, by labels made anew; kept, it costs a tenth.
calls_active = functools.cache(CALLS_ACTIVE.labels)
calls = functools.cache(CALLS.labels)
setup = functools.cache(SETUP.labels)

LEASE_RENEWALS = Counter("cordboard_sip_agent_lease_renewals_total", "Renewals of the agent's lease.", ("result",))
AUTHENTICATIONS = Counter(
    "cordboard_sip_agent_authentications_total", "Digest answers that the built-in domain has judged.", ("result",)
)
ACCOUNTS_MOVED = Counter(
    "cordboard_sip_agent_accounts_moved_total",
    "Accounts that this agent gave to another: it drains, or had too many.",
    ("result",),
)
MEDIA_MOVES = Counter(
    "cordboard_sip_agent_media_moves_total", "Calls whose media left a relay that is gone or drains.", ("result",)
)
ACCOUNTS_TAKEN_OVER = Counter("cordboard_sip_agent_accounts_taken_over_total", "Accounts of agents that died.")
CALLS_TAKEN_OVER = Counter(
    "cordboard_sip_agent_calls_taken_over_total", "Calls that another agent began, by how they go on.", ("way",)
)
AGENTS_DIED = Counter("cordboard_sip_agent_agents_died_total", "Other agents found dead, by the proof.", ("proof",))
CALLS_CAPPED = Counter(
    "cordboard_sip_agent_calls_capped_total", "Calls refused, by the cap that was reached.", ("cap",)
)
DESTINATIONS_REFUSED = Counter(
    "cordboard_sip_agent_destinations_refused_total", "Places that nothing was sent to, by the rule.", ("reason",)
)
MESSAGES = Counter(
    "cordboard_sip_agent_messages_total", "Instant messages by the answer to them.", ("direction", "code_class")
)
CONNECTIONS = Gauge("cordboard_sip_agent_connections", "Open or opening, both ways.", ("transport",))
LEASE_HELD = Gauge("cordboard_sip_agent_lease_held", "1 while the agent may act for its accounts.")
PROXIED = Counter("cordboard_sip_agent_proxied_total", "Requests served for the built-in domain.", ("method", "result"))

from_zero(CALLS, *((direction, "dropped", "5xx") for direction in ("incoming", "outgoing")))
from_zero(LEASE_RENEWALS, "ok", "failed")
from_zero(AUTHENTICATIONS, "ok", "stale", "wrong", "slowed")
from_zero(ACCOUNTS_MOVED, "moved", "kept", "open")
from_zero(MEDIA_MOVES, "moved", "given up")
from_zero(CALLS_TAKEN_OVER, "go_on", "dial_anew", "refresh_target", "lost")
from_zero(AGENTS_DIED, "refused", "ended", "replaced")
from_zero(CALLS_CAPPED, "concurrent", "minute", "day", "incoming")
from_zero(DESTINATIONS_REFUSED, *get_args(Reason))
from_zero(MESSAGES, ("in", "2xx"), ("out", "2xx"))
for _transport in ("tcp", "tls"):
    CONNECTIONS.labels(_transport)


def method_label(method: str) -> str:
    """Return the method, or `other`: strangers must not choose label values."""
    return method if method in METHODS else "other"


def code_class(status: int) -> str:
    """Return `2xx` for 200 and so on."""
    return f"{status // 100}xx"


def call_result(status: int, was_established: bool) -> str:
    """Return the word for how a call ended."""
    if was_established:
        return "answered" if status < 300 else "dropped"
    words = {486: "busy", 600: "busy", 603: "rejected", 403: "rejected", 480: "unavailable", 404: "unavailable"}
    if status == 487:
        return "cancelled"
    if status == 408:
        return "no_answer"
    return words.get(status, "failed")


class StackCollector(Collector):
    """Reads the stack's own counts when Prometheus asks, so that a message costs no metric call."""

    def __init__(self, layer: TransactionLayer) -> None:
        self._layer = layer

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the stack."""
        counts = self._layer.counts
        requests = CounterMetricFamily(
            "cordboard_sip_agent_sip_requests", "SIP requests, without copies.", labels=("direction", "method")
        )
        for (direction, method), number in counts.requests.items():
            requests.add_metric((direction, method), number)
        yield requests
        responses = CounterMetricFamily(
            "cordboard_sip_agent_sip_responses", "SIP responses.", labels=("direction", "code_class")
        )
        classes: dict[tuple[str, str], int] = {}
        for (direction, status), number in counts.responses.items():
            key = direction, code_class(status)
            classes[key] = classes.get(key, 0) + number
        for key, number in classes.items():
            responses.add_metric(key, number)
        yield responses
        for name, what, number in (
            ("retransmissions", "Messages that we sent again.", counts.retransmitted),
            ("repeated_requests", "Requests that came again.", counts.repeated),
            ("malformed", "Bytes that are no SIP message.", counts.malformed),
            ("stray_responses", "Responses to nothing that we know of.", counts.stray),
            ("dropped_requests", "Requests dropped, for there were too many transactions.", counts.dropped),
            ("timeouts", "Requests that got no final response.", counts.timed_out),
        ):
            yield CounterMetricFamily(f"cordboard_sip_agent_sip_{name}", what, value=number)
        yield GaugeMetricFamily(
            "cordboard_sip_agent_sip_transactions", "Live SIP transactions.", value=self._layer.live
        )


@contextlib.contextmanager
def watch_stack(layer: TransactionLayer) -> Iterator[None]:
    """Show a stack's counts while the block runs."""
    collector = StackCollector(layer)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)
