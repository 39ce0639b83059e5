"""`python -m bench.chaos`: the table of what calls notice when pods die, leave, or lose NATS."""

import argparse
import json
import logging
import resource

import structlog
import uvloop

from .faults import FAULTS
from .suffering import CALLS, RINGING, Size, suffer
from .table import Row, head, result


async def run_all(names: list[str], size: Size) -> list[Row]:
    """Run the faults in turn, each told as it is over."""
    rows = []
    head()
    for fault in FAULTS:
        if fault.name in names:
            rows.append(await suffer(fault, size))
            rows[-1].show()
    return rows


def main() -> None:
    """Print the table, and the line that says it all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.chaos")
    arguments.add_argument("faults", nargs="*", default=[fault.name for fault in FAULTS], help="all, if none is named")
    arguments.add_argument("--calls", type=int, default=CALLS)
    arguments.add_argument("--ringing", type=int, default=RINGING)
    options = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # of our own ends
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rows = uvloop.run(run_all(options.faults, Size(options.calls, options.ringing)))
    print("RESULT", json.dumps(result(rows)))


if __name__ == "__main__":
    main()
