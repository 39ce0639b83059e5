"""A real rtpengine, all in user space, for kamailio to drive."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from .processes import Process, free_port_pairs, free_ports, program, running

RTP_PORTS = 200


@dataclass(frozen=True)
class Rtpengine:
    """A running one."""

    process: Process
    port: int  # of its control protocol

    async def packets_relayed(self) -> list[int]:
        """Return how many RTP packets came to each port of the first call that ended, awaiting its end."""
        match = await self.process.wait_for_output(r"Final packet stats:\n(?s:(.*?))Replying to 'delete'")
        return [int(count) for count in re.findall(r"Port +\S+ <> +\S+, SSRC .*? (\d+) p,", match[1])]


@contextlib.asynccontextmanager
async def rtpengine() -> AsyncIterator[Rtpengine]:
    """Run rtpengine while the block runs."""
    control, first = free_ports(), free_port_pairs(RTP_PORTS // 2)
    command = (
        program("rtpengine", "rtpengine-daemon"),
        "--table=-1",  # no kernel module
        *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{control}"),
        *(f"--port-min={first}", f"--port-max={first + RTP_PORTS - 1}"),
        *("--foreground", "--delete-delay=0", "--log-stderr", "--config-file=none"),
    )
    async with running("rtpengine", command) as process:
        await process.wait_for_output("Startup complete")
        yield Rtpengine(process, control)
