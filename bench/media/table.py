"""The table that the bench prints."""

from .rounds import Compared
from .window import Window

COLUMNS = (
    "",
    "calls",
    "CPU us/packet",
    "packets/s a core",
    "core",
    "loss",
    "p50 ms",
    "p99 ms",
    "best p99",
    "x rtpengine",
)
ROW = "{:<20} {:>6} {:>14} {:>17} {:>6} {:>8} {:>8} {:>8} {:>9} {:>12}"


def head() -> None:
    """Print the names of the columns."""
    print(ROW.format(*COLUMNS), flush=True)


def show(compared: Compared, title: str = "") -> Compared:
    """Print a row for each relay, and return them all."""
    for name, windows in compared.windows.items():
        to_rtpengine = f"{compared.ratio(name, 'rtpengine', cpu_us):.2f}" if "rtpengine" in compared.windows else ""
        print(
            ROW.format(
                f"{name} {title}".strip(),
                windows[0].calls,
                f"{compared.median(name, cpu_us):.2f}",
                f"{1e6 / compared.median(name, cpu_us):.0f}",
                f"{compared.median(name, core):.2f}",
                f"{max(max(window.loss) for window in windows):.5f}",
                f"{compared.median(name, p50_ms):.3f}",
                f"{compared.median(name, p99_ms):.3f}",
                f"{min(map(p99_ms, windows)):.3f}",
                to_rtpengine,
            ),
            flush=True,
        )
    return compared


def cpu_us(window: Window) -> float:
    """CPU of the relay for each packet."""
    return window.cpu_us


def core(window: Window) -> float:
    """How much of its core the relay used."""
    return window.core


def p50_ms(window: Window) -> float:
    """How long half of the packets took at most."""
    return window.p50_ms


def p99_ms(window: Window) -> float:
    """How long nearly all took at most."""
    return window.p99_ms
