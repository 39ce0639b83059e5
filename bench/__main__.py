"""`python -m bench`: run all benches and print a table."""

import os
import platform
import statistics

from . import dtls, packets, sip
from .measure import Figure

COLUMNS = "{:<58} {:>10} {:>10} {:>10}"


def main() -> None:
    """Print the machine and a row for each figure: CPU microseconds per unit, best, median and worst round."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, CPU microseconds per unit of work")
    print(COLUMNS.format("", "best", "median", "worst"))
    for figure in (*sip.figures(), *packets.figures(), *dtls.figures()):
        print(row(figure))


def row(figure: Figure) -> str:
    """Return a figure as a line of the table."""
    rounds = sorted(figure.microseconds)
    return COLUMNS.format(figure.name, *(f"{us:.1f}" for us in (rounds[0], statistics.median(rounds), rounds[-1])))


if __name__ == "__main__":
    main()
