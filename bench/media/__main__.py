"""`python -m bench.media`: our relay, rtpengine in user space, the Python twin, bare sockets, under the same calls."""

import argparse
import contextlib
import json
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

from media_relay.core.srtp_keys import SrtpProfile

from . import relays, table
from .relays import Relay
from .rounds import Compared, climb, compare
from .table import cpu_us, p50_ms, p99_ms
from .window import Window, play

RELAY_CORE, LOAD_CORE = 0, 1
CM, GCM = SrtpProfile.AES128_CM_SHA1_80, SrtpProfile.AEAD_AES_128_GCM
CALLS, FEW_CALLS, TWIN_CALLS = 500, 200, 100
STEPS = {"native": range(800, 3001, 100), "rtpengine": range(350, 1501, 50), "python": range(75, 501, 25)}
IDLE_CALLS, HELD_CALLS = 100, 1100  # between which memory is read
HELD_SECONDS = 0.5

HOW = (
    "A call: G.711, 50 packets a second each way, at the browser SRTP (AES_CM_128_HMAC_SHA1_80, GCM where it says so),"
    " at the phone RTP. What comes out is compared with what should.\n"
    f"CPU: clock of the relay's process, all threads, held to core {RELAY_CORE}; the generator has core {LOAD_CORE}."
    " Relays take turns; figures are medians of the rounds.\n"
    "floor: a bare loop of receiving and sending with the same pacing: two sockets in all, no sessions, no crypto;"
    " own sockets: with one for each call, as SIP wants them."
)


@dataclass(frozen=True)
class Bench:
    """How long to measure, and where tapes lie."""

    rounds: int
    seconds: float
    tries: int
    folder: Path

    def native(self, profile: SrtpProfile = CM) -> contextlib.AbstractContextManager[Relay]:
        """Run our relay."""
        return relays.ours("native", profile, RELAY_CORE, self.folder)

    def twin(self) -> contextlib.AbstractContextManager[Relay]:
        """Run the Python forwarder."""
        return relays.ours("python", CM, RELAY_CORE, self.folder)

    def rtpengine(self, profile: SrtpProfile = CM) -> contextlib.AbstractContextManager[Relay]:
        """Run rtpengine."""
        return relays.rtpengine(profile, RELAY_CORE, self.folder)

    def floor(self, sip_sockets: int = 1) -> contextlib.AbstractContextManager[Relay]:
        """Run the bare loop."""
        return relays.floor(RELAY_CORE, self.folder, sip_sockets)

    def compare(self, calls: dict[Relay, int], title: str = "") -> Compared:
        """Load relays in turn and print their rows."""
        return table.show(compare(calls, LOAD_CORE, self.rounds, self.seconds), title)

    def cpu(self) -> tuple[Compared, Compared]:
        """Compare CPU at many and at few calls, and with the other cipher and the twin."""
        with self.native() as native, self.rtpengine() as rtpengine, self.floor() as floor, self.floor(CALLS) as wide:
            turns = (native, rtpengine, floor, wide)
            many, few = (self.compare(dict.fromkeys(turns, calls)) for calls in (CALLS, FEW_CALLS))
        with self.native() as native, self.rtpengine() as rtpengine, self.twin() as twin:
            self.compare(dict.fromkeys((native, rtpengine, twin), TWIN_CALLS))
        with self.native(GCM) as native, self.rtpengine(GCM) as rtpengine:
            self.compare(dict.fromkeys((native, rtpengine), CALLS), "GCM")
        return many, few

    def most_calls(self) -> dict[str, Window]:
        """Raise the calls of each until packets are lost or late."""
        with self.native() as native, self.rtpengine() as rtpengine, self.twin() as twin:
            steps = {relay: STEPS[relay.name] for relay in (native, rtpengine, twin)}
            found = climb(steps, LOAD_CORE, self.tries, 2 * self.seconds)
        for name, window in found.items():
            print(
                f"{name}: {window.calls} calls, {window.core:.2f} of the core, p50 {window.p50_ms:.3f} ms", flush=True
            )
        return found

    def latency(self, most: dict[str, Window]) -> Compared:
        """Compare latency with each at half of what it carries; print it for both at half of what rtpengine does."""
        with self.native() as native, self.rtpengine() as rtpengine:
            half = {relay: most[relay.name].calls // 2 for relay in (native, rtpengine)}
            compared = self.compare(half, "at half")
            self.compare(dict.fromkeys(half, half[rtpengine]), "at the same")
        return compared

    def kib_per_session(self, relay: Relay) -> float:
        """Return what a session that has played holds of a process; what its sockets hold is the kernel's."""
        resident = []
        for calls in (IDLE_CALLS, HELD_CALLS):
            play(relay, calls, LOAD_CORE, HELD_SECONDS)
            resident.append(relay.process.resident_kib())
        return (resident[1] - resident[0]) / (HELD_CALLS - IDLE_CALLS)

    def memory(self) -> float:
        """Print what a session holds of each, and return it of ours."""
        with self.native() as native, self.rtpengine() as rtpengine:
            ours, theirs = self.kib_per_session(native), self.kib_per_session(rtpengine)
        print(f"KiB a session: native {ours:.1f}, rtpengine {theirs:.1f}", flush=True)
        return ours

    def run(self) -> dict[str, float]:
        """Measure everything."""
        many, few = self.cpu()
        most = self.most_calls()
        half = self.latency(most)
        return {
            "cpu_per_packet_us": round(many.median("native", cpu_us), 2),
            "cpu_ratio_500": round(many.ratio("native", "rtpengine", cpu_us), 3),
            "cpu_ratio_200": round(few.ratio("native", "rtpengine", cpu_us), 3),
            "max_sessions_ratio": round(most["native"].calls / most["rtpengine"].calls, 2),
            "ratio_to_floor": round(many.ratio("native", "floor", cpu_us), 3),
            "added_latency_p50_ms": round(half.median("native", p50_ms), 3),
            "added_latency_p99_ratio": round(half.ratio("native", "rtpengine", p99_ms), 3),
            "kib_per_session": round(self.memory(), 2),
            "twin_calls_per_core": most["python"].calls,
        }


def main() -> None:
    """Print the table, and the line that says it all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.media")
    arguments.add_argument("--rounds", type=int, default=10, help="windows of each relay that are compared")
    arguments.add_argument("--seconds", type=float, default=1.0, help="of a window")
    arguments.add_argument("--tries", type=int, default=3, help="windows in which a number of calls may be carried")
    options = arguments.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # rtpengine, which inherits it, takes three for a call
    print(HOW)
    table.head()
    with tempfile.TemporaryDirectory(prefix="cordboard-bench-", dir=relays.memory_folder()) as folder:
        result = Bench(options.rounds, options.seconds, options.tries, Path(folder)).run()
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
