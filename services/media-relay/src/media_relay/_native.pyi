"""The native packet path. Addresses are (host, port), sessions go by the slot that `add_session` returns."""

DROPS: tuple[str, ...]  # the reasons, in the order in which counters have them

_Address = tuple[str, int]
_Plan = tuple[
    bool, bool, bool, bool, bool, bool, bool, int, _Address | None, _Address | None, bytes, bytes, int, bytes, int
]

class Relay:
    """One thread that moves packets. It owns the browser socket from the start and closes it."""

    def __new__(
        cls,
        browser_socket: int,
        other_host_seconds: float,
        settle_seconds: float,
        probation_packets: int,
        unheard_packets_per_second: int,
        pacing_seconds: float,
    ) -> Relay: ...
    def fileno(self) -> int:
        """Readable when there is something to drain."""

    def drain(self, most: int, /) -> list[tuple[int, bytes, _Address, int | None, int]]:
        """Return what was handed up: kind, datagram, source, number of the session, stream. Fewer: that was all."""

    def add_session(self, number: int, streams: tuple[tuple[int, int, tuple[_Address, ...]], ...], /) -> int:
        """RTP socket, RTCP socket and barred sources of each stream; the sockets are the relay's then."""

    def set_streams(self, slot: int, plans: tuple[_Plan, ...], /) -> None:
        """Video or not; whether the browser and the SIP side send; whether NACKs are answered and asked; whether the
        SIP side takes NACKs, PLIs, FIRs; the bit rate that the browser is told; RTP and RTCP address, payload types
        each way.

        Then of events: the clock rate that they are in, which payload types of the SIP side are, and as which ours go.
        """

    def set_keys(self, slot: int, profile: int, receive: bytes, send: bytes, /) -> None:
        """Profile -1: none."""

    def request_keyframe(self, slot: int, of_browser: bool, /) -> None: ...
    def set_event(self, slot: int, stream: int, begins: bool, /) -> None: ...
    def send_event(self, slot: int, stream: int, payload: bytes, marker: bool, later: int, /) -> None: ...
    def add_source(self, slot: int, source: _Address, /) -> None: ...
    def remove_source(self, slot: int, source: _Address, /) -> None: ...
    def set_destination(self, slot: int, destination: _Address | None, /) -> None: ...
    def remove_session(self, slot: int, /) -> tuple[tuple[int, ...], list[list[_Address]]]:
        """Return the last counters, and who was heard on each stream's ports."""

    def send(self, datagram: bytes, destination: _Address, /) -> None: ...
    def counters(self, slot: int, /) -> tuple[int, ...]:
        """Packets, bytes (audio, video, RTCP from the browser, then the same from SIP), then drops."""

    def unattributed(self) -> tuple[int, ...]: ...
    def close(self) -> None: ...
