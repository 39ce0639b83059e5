"""What the data path is told about a media session: plain data, made from SDP by the negotiation.

A plan is complete each time: applying it replaces the one before. Streams keep their place (the index of the m-line
among the accepted ones), and so their ports.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .srtp_keys import SrtpKeys

StreamKind = Literal["audio", "video"]
DtlsRole = Literal["server", "client"]


class Address(NamedTuple):
    """An IP address, never a host name, and a port. A tuple, because sockets give and take it once a packet."""

    host: str
    port: int


class BrowserPath(NamedTuple):
    """How a browser is reached: its address, and by which of our sockets for browsers. It may send from one address to
    several of them, and wants its answers from where it asked."""

    host: str
    port: int
    interface: int = 0  # the socket's place

    @property
    def address(self) -> Address:
        """Where to send to, by that socket."""
        return Address(self.host, self.port)


@dataclass(frozen=True)
class IceCredentials:
    """RFC 8445 §5.3: the user name fragment and the password of one agent."""

    ufrag: str
    pwd: str = field(repr=False)


class EventFormat(NamedTuple):
    """Telephone-events as a description numbers them (RFC 4733 §2.4.1)."""

    payload_type: int
    clock_rate: int


@dataclass(frozen=True)
class StreamPlan:
    """One RTP stream pair, browser and SIP."""

    kind: StreamKind
    sip_rtp: Address | None = None  # None until the far side is known
    sip_rtcp: Address | None = None  # the same as `sip_rtp` where RTCP is multiplexed (RFC 5761)
    clock_rate: int = 8000  # of the media
    encoding: str = ""  # of the media, in lower case; empty: not known
    to_sip: Mapping[int, int] = field(default_factory=dict)  # browser payload type -> SIP payload type
    to_browser: Mapping[int, int] = field(default_factory=dict)  # SIP payload type -> browser payload type
    browser_sends: bool = True
    sip_sends: bool = True
    # As which the SIP side takes media that `encoding` names; None: it takes none. While we hold it, that is ours and
    # not the browser's.
    media_to_sip: int | None = None
    # Telephone-events, payload type -> clock rate. The browser's are handed up and never forwarded, because Chromium
    # and Firefox count those of 8000 Hz beside Opus in the clock of Opus; the SIP side's are forwarded and handed up.
    browser_events: Mapping[int, int] = field(default_factory=dict)
    sip_events: Mapping[int, int] = field(default_factory=dict)
    events_to_sip: EventFormat | None = None  # as which the SIP side takes ours
    answers_nack: bool = False  # the browser sends generic NACKs and reads them (RFC 4585 §6.2.1)
    sip_takes_nack: bool = False  # so does the SIP side
    wants_bit_rate: bool = False  # the browser waits to be told how much it may send, and the SIP side does not tell it
    sip_bit_rate: int = 0  # that the SIP side has said it takes, bit/s; 0: nothing
    sip_takes_pli: bool = False  # the SIP side reads Picture Loss Indications (RFC 4585 §6.3.1)
    sip_takes_fir: bool = False  # or Full Intra Requests (RFC 5104 §4.3.1)
    # SRTP towards the SIP side (RFC 4568). A direction whose key is one of before goes on where it stood: began it
    # anew, one keystream would serve two packets.
    sip_srtp: SrtpKeys | None = None


_NO_AUDIO = StreamPlan("audio", browser_sends=False, sip_sends=False)


def audio_of(plans: Iterable[StreamPlan], place: int = 0) -> tuple[int, StreamPlan]:
    """The place and the plan of the audio stream; where there is none, `place` and a plan that nothing is sent by."""
    return next((found for found in enumerate(plans) if found[1].kind == "audio"), (place, _NO_AUDIO))


@dataclass(frozen=True)
class SessionPlan:
    """A whole media session.

    The first plan with `remote_ice` starts the wait for the browser's checks: give it once the browser has our SDP, or
    is about to get it. Without `fingerprints` DTLS records are kept until a later plan brings them.
    """

    remote_ice: IceCredentials | None = None
    fingerprints: tuple[tuple[str, str], ...] = ()  # RFC 8122: ("sha-256", "AB:CD:..")
    dtls_role: DtlsRole = "server"  # ours
    streams: tuple[StreamPlan, ...] = ()
