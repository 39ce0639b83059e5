"""A real sipp that plays one scenario of tests/support/sipp/: far sides that behave as no phone does.

A scenario is sipp's own XML. `@name@` in it stands for `sipp/parts/name`, which every dialog needs in the same words,
or for a value that the test gives.
"""

import asyncio
import contextlib
import csv
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .processes import Process, free_ports, program, running

_SCENARIOS = Path(__file__).parent / "sipp"
_GIVE_UP_SECONDS = 60
_WAIT_SECONDS = 10
# What most tests leave as it is: milliseconds until a first retransmission, further header fields of INVITE and of 200.
_DEFAULTS = {"t1": "500", "call_fields": "", "answer_fields": ""}


def scenario_text(name: str, values: Mapping[str, str]) -> str:
    """Return a scenario in which everything between at signs is replaced; fail at what nobody gives."""
    given = {**_DEFAULTS, **values}
    unused = set(values)

    def replacement(match: re.Match[str]) -> str:
        key, end_of_line = match.groups()
        unused.discard(key)
        text = given[key] if key in given else (_SCENARIOS / "parts" / key).read_text().rstrip("\n")
        return expand(text) + end_of_line if text else ""

    def expand(text: str) -> str:
        return re.sub(r"@([a-z][a-z_0-9]*)@(\n?)", replacement, text)

    text = expand((_SCENARIOS / f"{name}.xml").read_text())
    assert not unused, f"scenario {name} has no use for {unused}"
    return text


@dataclass(frozen=True)
class Counts:
    """What became of the calls of a run."""

    successful: int
    failed: int
    retransmissions: int


class Sipp:
    """One running sipp. Its messages and its complaints are kept for the report of a failure."""

    def __init__(self, scenario: str, process: Process, port: int, folder: Path) -> None:
        self.scenario = scenario
        self.process = process
        self.port = port
        self._folder = folder

    @property
    def log(self) -> list[str]:
        """What the scenario's `<log>` actions have written."""
        return self._read("said.log").splitlines()

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def messages(self) -> str:
        """All messages that were sent and received, while the block runs."""
        return self._read("messages.log")

    async def seen(self, text: str, times: int = 1) -> None:
        """Wait until something stands so often in the messages that were sent and received."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while self.messages.count(text) < times:
                    self.process.check_alive()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(self.report(f"no {text!r}")) from None

    async def counts(self) -> Counts:
        """Wait until all calls are over; return what became of them."""
        await self.process.wait()
        with (self._folder / "stat.csv").open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return Counts(
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
        )

    async def succeed(self, calls: int, may_fail: int) -> None:
        """Wait until all calls are over; fail unless each, or all but so many, went as the scenario has it."""
        status, counts = await self.process.wait(), await self.counts()
        outcome = (status, counts.successful + counts.failed, counts.failed <= may_fail)
        assert outcome == (int(counts.failed > 0), calls, True), self.report(f"status {status}: {counts}")

    def report(self, outcome: str) -> str:
        """What to read when it went wrong."""
        logs = "".join(f"\n--- {name}\n{self._read(name)[-6000:]}" for name in ("errors.log", "messages.log"))
        return f"sipp {self.scenario}: {outcome}{logs}"


@contextlib.asynccontextmanager
async def sipp(
    scenario: str, *options: str, to: str = "", port: int = 0, calls: int = 1, may_fail: int = 0, **values: str
) -> AsyncIterator[Sipp]:
    """Play a scenario while the block runs, at `port`: as a caller if there is a host:port `to` call, else called.

    At the block's end every one of the calls, or all but `may_fail`, must have gone as the scenario says. `options` are
    further ones of sipp.
    """
    limits = ("-m", str(calls), "-timeout", str(_GIVE_UP_SECONDS), "-timeout_error")
    async with _running(scenario, (*limits, *options), to, port, values) as played:
        yield played
        await played.succeed(calls, may_fail)


@contextlib.asynccontextmanager
async def sipp_server(scenario: str, **values: str) -> AsyncIterator[tuple[Process, int]]:
    """Take any number of calls on a port of 127.0.0.1 while the block runs; yield the process and the port."""
    async with _running(scenario, (), "", 0, values) as played:
        yield played.process, played.port


@contextlib.asynccontextmanager
async def _running(
    scenario: str, options: tuple[str, ...], to: str, port: int, values: Mapping[str, str]
) -> AsyncIterator[Sipp]:
    with tempfile.TemporaryDirectory(prefix="cordboard-sipp-") as name:
        folder = Path(name)
        path = folder / "scenario.xml"
        path.write_text(scenario_text(scenario, values))
        port = port or free_ports()
        command = (
            *(program("sipp", "sip-tester"), *([to] if to else []), "-sf", path, "-nostdin"),
            *("-i", "127.0.0.1", "-p", str(port)),
            *("-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_err", "-error_file", "errors.log"),
            *("-trace_msg", "-message_file", "messages.log", "-trace_logs", "-log_file", "said.log", *options),
        )
        async with running(f"sipp {scenario}", command, cwd=folder) as process:
            if not to:
                await process.wait_for_udp(port)
            yield Sipp(scenario, process, port, folder)
