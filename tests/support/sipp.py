"""A real sipp that plays one scenario of tests/support/sipp/: far sides that behave as no phone does."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from .processes import Process, free_ports, program, running

_SCENARIOS = Path(__file__).parent / "sipp"


@contextlib.asynccontextmanager
async def sipp_server(scenario: str, **values: str) -> AsyncIterator[tuple[Process, int]]:
    """Take calls on a port of 127.0.0.1 while the block runs; yield the process and the port.

    `values` replace what stands between at signs in the scenario: `@reason@` for `reason=...`.
    """
    text = (_SCENARIOS / f"{scenario}.xml").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    with tempfile.TemporaryDirectory(prefix="cordboard-sipp-") as folder:
        path = Path(folder) / f"{scenario}.xml"
        path.write_text(text)
        port = free_ports()
        command = (program("sipp", "sip-tester"), "-sf", path, "-i", "127.0.0.1", "-p", str(port), "-nostdin")
        async with running(f"sipp {scenario}", command, cwd=Path(folder)) as process:
            await process.wait_for_udp(port)
            yield process, port
