"""PromQL, and the panels that ask it, in the few shapes that the dashboards need.

Metrics are named without their prefix `cordboard_`. What has not happened yet is 0, not a gap.
"""

from .panels import Panel, Query

RATE = "[$__rate_interval]"


def rate(metric: str, by: str = "pod", where: str = "") -> str:
    """How often a second something happens, by labels."""
    return f"sum by ({by}) (rate(cordboard_{metric}{where}{RATE})) or vector(0)"


def quantile(share: float, metric: str, by: str = "", where: str = "") -> str:
    """What `share` of the observations stay below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate(cordboard_{metric}_bucket{where}{RATE}))) or vector(0)"


def legend(by: str) -> str:
    """The names of lines that have these labels."""
    return " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))


def gauge(title: str, expr: str, unit: str = "none", by: str = "pod", most: float | None = None) -> Panel:
    """A figure as it stands."""
    return Panel(title, (Query(expr, legend(by)),), unit, most=most)


def rates(title: str, metric: str, by: str = "pod", unit: str = "reqps", text: str = "") -> Panel:
    """How often a second something happens."""
    return Panel(title, (Query(rate(metric, by), legend(by)),), unit, text)


def several(title: str, unit: str, **names: str) -> Panel:
    """Rates of several metrics, each by the name of its line with spaces for underscores."""
    return Panel(title, [Query(rate(metric), name.replace("_", " ")) for name, metric in names.items()], unit)


def slow(title: str, metric: str, by: str, where: str = "", share: float = 0.95) -> Panel:
    """How long the slowest take, by labels."""
    return Panel(f"{title}, p{share * 100:.0f}", (Query(quantile(share, metric, by, where), legend(by)),), "s")


def percentiles(title: str, metric: str, where: str = "") -> Panel:
    """How long something takes, and the slowest."""
    queries = [Query(quantile(share, metric, where=where), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)]
    return Panel(title, queries, "s")


def stat(title: str, expr: str, unit: str = "none", most: float | None = None) -> Panel:
    """One figure, large."""
    return Panel(title, (Query(expr, title),), unit, kind="stat", width=4, most=most)


def process(service: str, asks: bool = True) -> tuple[Panel, ...]:
    """What every service is asked: is it there, is it late, does it hear NATS, what does it take.

    One that asks the others nothing is judged by what it was asked.
    """
    of = f'{{service="{service}"}}'
    pods = (Query(f"count(up{of} == 1) or vector(0)", "up"), Query(f"sum(cordboard_draining{of})", "draining"))
    cpu = f"sum by (pod) (rate(process_cpu_seconds_total{of}{RATE}))"
    heard = Query(rate("bus_messages_total", "type, result", of), legend("type, result"))
    failures = Query(rate("task_failures_total", "owner", of), "{{owner}}")
    return (
        Panel("Pods", pods),
        slow("Lag of the event loop", "event_loop_lag_seconds", "pod", of, 0.99),
        gauge("CPU, of one core", cpu, "percentunit"),
        gauge("Memory", f"process_resident_memory_bytes{of}", "bytes"),
        gauge("NATS is there", f"cordboard_nats_connected{of}", most=1),
        slow("Requests on the bus", "bus_request_duration_seconds", "type", of, 0.99)
        if asks
        else Panel("Commands from the bus", (heard,), "reqps"),
        Panel("Failed tasks", (failures,), "reqps", "Of a bug of ours."),
    )
