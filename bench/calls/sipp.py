"""Load by SIPp: calls at a rate, what became of them, and how long each took to be set up."""

import contextlib
import csv
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
HOLD_MS = 500  # how long a call lasts
GIVE_UP_SECONDS = 60.0
_MORE_THAN_IS_CARRIED = 10_000.0  # calls a second


@dataclass(frozen=True)
class Load:
    """What came of a run. `setup_ms`: from INVITE to 200 OK, of each call."""

    calls: int
    failed: int
    retransmissions: int
    seconds: float
    setup_ms: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """Return the set-up time that this share of the calls did not exceed."""
        ordered = sorted(self.setup_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@dataclass(frozen=True)
class Volume:
    """How much is called; no call is begun while `at_once` are there. `within`: seconds, then it is given up."""

    rate: float
    calls: int
    at_once: int
    hold_ms: int
    within: float


def at_rate(rate: float, seconds: float, hold_ms: int = HOLD_MS) -> Volume:
    """So many calls a second, whatever becomes of them."""
    calls = round(rate * seconds)
    return Volume(rate, calls, calls, hold_ms, seconds + hold_ms / 1000 + GIVE_UP_SECONDS)


def as_answered(calls: int, at_once: int, within: float) -> Volume:
    """Calls that are hung up when they are set up, each in the place of the one before."""
    return Volume(_MORE_THAN_IS_CARRIED, calls, at_once, 0, within)


def call(
    target: str, users: Sequence[str], rate: float, seconds: float, core: int, port: int, hold_ms: int = HOLD_MS
) -> Load:
    """Call `users` at host:port `target` in turn, `rate` times a second, from a port."""
    return make(target, users, at_rate(rate, seconds, hold_ms), core, port)


def make(target: str, users: Sequence[str], volume: Volume, core: int, port: int) -> Load:
    """Make calls to `users` at host:port `target` in turn, from a port."""
    with tempfile.TemporaryDirectory(prefix="cordboard-bench-") as name:
        folder = Path(name)
        (folder / "users.csv").write_text("SEQUENTIAL\n" + "".join(f"{user}\n" for user in users))
        options = (
            *(
                "-sf",
                str(_HERE / "uac.xml"),
                "-inf",
                "users.csv",
                "-i",
                "127.0.0.1",
                "-p",
                str(port),
                "-nostdin",
            ),
            *("-r", str(volume.rate), "-m", str(volume.calls), "-l", str(volume.at_once), "-d", str(volume.hold_ms)),
            *("-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_rtt", "-rtt_freq", "1"),
            *("-timeout", str(int(volume.within)), "-timeout_error"),
        )
        command = ["taskset", "-c", str(core), "sipp", target, *options]
        started = time.monotonic()
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return _read(folder, time.monotonic() - started)


def _read(folder: Path, seconds: float) -> Load:
    with (folder / "stat.csv").open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    times: list[float] = []
    for path in folder.glob("*_rtt.csv"):
        with path.open() as file:
            times += [float(row[1]) for row in list(csv.reader(file, delimiter=";"))[1:] if len(row) > 1]
    return Load(
        calls=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        seconds=seconds,
        setup_ms=tuple(times),
    )


@contextlib.contextmanager
def phone(port: int, core: int) -> Iterator[None]:
    """Answer calls at a port while the block runs."""
    with tempfile.TemporaryDirectory(prefix="cordboard-bench-") as folder:
        command = ["taskset", "-c", str(core), "sipp", "-sf", str(_HERE / "uas.xml"), "-i", "127.0.0.1"]
        process = subprocess.Popen(
            [*command, "-p", str(port), "-nostdin"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()
