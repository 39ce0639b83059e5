"""The native packet path. Addresses are (host, port), sessions go by the slot that `add_session` returns."""

from typing import TypedDict

from shared.messages.media import Side

DROPS: str  # the reasons, in the order in which counters have them, with spaces between
REPAIRS: str  # likewise

_Address = tuple[str, int] | tuple[str, int, int]  # a browser's, with the place of the socket that it comes by
_Keys = tuple[int, bytes, bytes]  # profile, receive, send
# What `SourceStatistics` has, in its order.
_Source = tuple[
    int,
    Side,
    int,
    int,
    int,
    int,
    int,
    float,
    float,
    int,
    int,
    int,
    tuple[int, float] | None,
    float | None,
    float | None,
    int | None,
    float | None,
]

class Plan(TypedDict):
    """A stream's; `StreamPlan` in what a thread can read without Python."""

    is_video: bool
    browser_sends: bool
    sip_sends: bool
    answers_nack: bool
    sip_takes_nack: bool
    sip_takes_pli: bool
    sip_takes_fir: bool
    sip_rtp: _Address | None
    sip_rtcp: _Address | None
    to_sip: bytes  # for each payload type of the browser the SIP side's, 255 for none, 254 for an event
    to_browser: bytes  # likewise
    clock_rate: int
    sip_events: bytes  # for each payload type of the SIP side, whether it is an event's
    events_to_sip: int  # as what ours go there
    sip_srtp: _Keys | None

class Relay:
    """One thread that moves packets. It owns the browser sockets from the start and closes them."""

    def __new__(
        cls,
        browser_sockets: tuple[int, ...],
        other_host_seconds: float,
        settle_seconds: float,
        probation_packets: int,
        unheard_packets_per_second: int,
        pacing_seconds: float,
    ) -> Relay: ...
    def fileno(self) -> int:
        """Readable when there is something to drain."""

    def drain(self, most: int, /) -> list[tuple[int, bytes, tuple[str, int, int], int | None, int]]:
        """Return what was handed up: kind, datagram, source, number of the session, stream. Fewer: that was all."""

    def add_session(self, number: int, streams: tuple[tuple[int, int, tuple[_Address, ...]], ...], /) -> int:
        """RTP socket, RTCP socket and barred sources of each stream; the sockets are the relay's then."""

    def set_streams(self, slot: int, plans: tuple[Plan, ...], /) -> None: ...
    def set_keys(self, slot: int, keys: _Keys | None, /) -> None: ...
    def set_bridge(self, slot: int, stream: int, other_slot: int = ..., other_stream: int = ..., /) -> None:
        """Join two streams; without the other: part it."""

    def request_keyframe(self, slot: int, of_browser: bool, /) -> None: ...
    def send_rtcp(self, slot: int, stream: int, to_browser: bool, packet: bytes, /) -> None: ...
    def set_event(self, slot: int, stream: int, begins: bool, /) -> None: ...
    def send_own(self, slot: int, stream: int, payload_type: int, payload: bytes, marker: bool, later: int, /) -> None:
        """255: the payload type of events."""

    def set_headless(self, slot: int, partner: int = ..., /) -> None:
        """Without the other slot nobody hears it."""

    def set_ufrags(self, slot: int, ufrag: str = ..., other: str = ..., /) -> None: ...
    def set_source(self, slot: int, source: _Address, is_its: bool, /) -> None: ...
    def set_destination(self, slot: int, destination: _Address | None, /) -> None: ...
    def remove_session(self, slot: int, /) -> tuple[int, tuple[int, ...], list[tuple[int, tuple[str, int]]]]:
        """Return how many streams it had, the last counters, and who was heard on the ports of which stream."""

    def send(self, datagram: bytes, destination: _Address, /) -> None: ...
    def counters(self, slot: int = ..., /) -> tuple[int, ...]:
        """Those of a session, or without it of what belongs to none.

        Packets, bytes (audio, video, RTCP from the browser, then the same from SIP), then drops."""

    def statistics(self, slot: int, /) -> list[_Source]: ...
    def close(self) -> None: ...
