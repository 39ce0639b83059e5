"""One window of load on one relay: play its tape, read what the generator saw."""

import json
import subprocess
import sys
from dataclasses import dataclass

from .calls import BROWSER_PORT, PHONE_PORT
from .relays import BINARIES, Relay, prefer

WARM_UP, DRAIN = 0.25, 0.25  # seconds


class WrongPayload(Exception):
    """A relay that does not deliver what was sent is not measured."""


@dataclass(frozen=True)
class Window:
    """What the generator saw; pairs are: at the browsers, at the phones."""

    calls: int
    cpu_us: float  # of the relay, for each packet that it relayed
    core: float  # how much of its core it used
    loss: tuple[float, float]
    p50_ms: float  # of the worse side
    p99_ms: float
    generator_busy: float
    late_ms: float  # most that the generator was behind: the host stalled, or it is full itself

    @property
    def is_carried(self) -> bool:
        """Whether the relay carries so many calls: nothing is lost that one would hear, and no queue grows."""
        return max(self.loss) < 0.001 and self.p50_ms < 10.0


def play(relay: Relay, calls: int, core: int, seconds: float) -> Window:
    """Load a relay with the first `calls` of its calls."""
    relay.have(calls)
    relay.tape.write(relay.calls, calls, WARM_UP + seconds)
    arguments = (relay.tape.path, BROWSER_PORT, PHONE_PORT, WARM_UP, seconds, DRAIN, relay.process.pid)
    command = ["taskset", "-c", str(core), str(BINARIES / "generator"), *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as generator:
        prefer(generator.pid)
        line, complaints = generator.communicate()
    if generator.returncode != 0:
        raise RuntimeError(f"the generator ended with {generator.returncode}: {complaints}")
    sys.stderr.write(complaints)
    return read(relay.name, calls, line)


def read(name: str, calls: int, line: str) -> Window:
    """Read the generator's line; `WrongPayload` if a packet was not as it must be, or none could be looked at."""
    seen = json.loads(line)
    if seen["wrong"] or seen["repeated"]:
        raise WrongPayload(f"{name}, {calls} calls: {seen['wrong']} packets wrong, {seen['repeated']} twice: {line}")
    if not seen["relayed"] or not seen["checked"]:
        raise WrongPayload(f"{name}, {calls} calls: nothing came through: {line}")
    return Window(
        calls=calls,
        cpu_us=seen["cpu_seconds"] * 1e6 / seen["relayed"],
        core=seen["cpu_seconds"] / seen["seconds"],
        loss=(1 - seen["came"][0] / seen["sent"][0], 1 - seen["came"][1] / seen["sent"][1]),
        p50_ms=max(seen["p50_ms"]),
        p99_ms=max(seen["p99_ms"]),
        generator_busy=seen["busy"],
        late_ms=seen["late_ms"],
    )
