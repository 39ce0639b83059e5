"""What it costs the relay that a browser connects: its check, the DTLS handshake, the keys, and what is held then.

Only the relay's part is on the clock; the browser's runs in the same process beside it.
"""

import datetime
import gc
import statistics
import time

from aioice import stun

from media_relay.browser import certificate
from media_relay.browser.dtls import DtlsEndpoint, SendDtls, create_context
from media_relay.browser.transport import BrowserTransport, SendDatagram, TransportConnected, TransportOutput
from media_relay.core.ice import IceLite
from media_relay.core.packet.demux import DatagramKind, kind_of
from media_relay.core.packet.stun import parse_binding_request
from media_relay.core.plan import BrowserPath, IceCredentials, SessionPlan

from .measure import ROUNDS, Figure
from .memory import resident_kib

HANDSHAKES = 200
LOCAL, REMOTE = IceCredentials("relayfrag", "the relay's password"), IceCredentials("browserfrag", "its password")
BROWSER = BrowserPath("198.51.100.1", 50000)


class Clock:
    """CPU time of the process while it is on."""

    def __init__(self) -> None:
        self.nanoseconds = 0

    def __enter__(self) -> None:
        self._started = time.process_time_ns()

    def __exit__(self, *_: object) -> None:
        self.nanoseconds += time.process_time_ns() - self._started


class Ends:
    """A relay and a browser, each with a certificate and a context for all of its handshakes."""

    def __init__(self) -> None:
        self.relay, self.browser = (certificate.generate(datetime.datetime.now(datetime.UTC)) for _ in range(2))
        self.relay_context, self.browser_context = create_context(self.relay), create_context(self.browser)
        self.plan = SessionPlan(REMOTE, (("sha-256", self.browser.fingerprint),))
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes |= {"USERNAME": f"{LOCAL.ufrag}:{REMOTE.ufrag}", "PRIORITY": 1, "ICE-CONTROLLING": 1}
        request.add_message_integrity(LOCAL.pwd.encode())
        self.check = bytes(request)

    def connect(self, clock: Clock) -> BrowserTransport:
        """Let one browser connect; return what the relay holds of it."""
        browser = DtlsEndpoint(self.browser_context, "client", (("sha-256", self.relay.fingerprint),))
        browser.start(time.monotonic())
        with clock:
            transport = BrowserTransport(IceLite(LOCAL), self.relay_context)
            transport.apply(self.plan, time.monotonic())
            check = parse_binding_request(self.check)
            if check is None or not transport.receive_check(check, BROWSER, time.monotonic()):
                raise RuntimeError("the relay refused the check")
            output = transport.take_output()
        while flight := [event.datagram for event in browser.take_output() if isinstance(event, SendDtls)]:
            with clock:
                for datagram in flight:
                    transport.receive_dtls(datagram, time.monotonic())
                output = transport.take_output()
            for datagram in _dtls(output):
                browser.receive(datagram, time.monotonic())
        if not any(isinstance(event, TransportConnected) for event in output):
            raise RuntimeError("the bench measured a handshake that failed")
        return transport


def _dtls(output: list[TransportOutput]) -> list[bytes]:
    datagrams = [event.datagram for event in output if isinstance(event, SendDatagram)]
    return [datagram for datagram in datagrams if kind_of(datagram) is DatagramKind.DTLS]


def figures() -> list[Figure]:
    """Return the cost of a browser that connects."""
    ends, rounds = Ends(), []
    ends.connect(Clock())
    for _ in range(ROUNDS):
        clock = Clock()
        for _ in range(HANDSHAKES):
            ends.connect(clock)
        rounds.append(clock.nanoseconds / 1000 / HANDSHAKES)
    return [Figure("media, a browser connects: check, DTLS, keys", tuple(rounds))]


def kib_held() -> float:
    """Return what the relay holds of a browser that is connected, beside its session in the forwarder."""
    ends = Ends()
    _settled = [ends.connect(Clock()) for _ in range(HANDSHAKES)]
    gc.collect()
    before = resident_kib()
    _held = [ends.connect(Clock()) for _ in range(HANDSHAKES)]
    gc.collect()
    return (resident_kib() - before) / HANDSHAKES


def per_second(figure: Figure) -> float:
    """Return how many a core does in a second, by the median round."""
    return 1e6 / statistics.median(figure.microseconds)


if __name__ == "__main__":
    for each in figures():
        print(f"{each.name}: {per_second(each):.0f} handshakes a second on one core")
    print(f"a browser that is connected: {kib_held():.0f} KiB")
