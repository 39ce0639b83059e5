"""ICE and DTLS of one session together."""

from time import monotonic

from tests.support.dtls_pair import DtlsPeer
from tests.support.webrtc_client import binding_request

from media_relay.browser.transport import (
    MAX_EARLY_DATAGRAMS,
    BrowserTransport,
    KeysChanged,
    SendDatagram,
    TransportConnected,
    TransportFailed,
    TransportOutput,
)
from media_relay.core.ice import AddressExpired, AddressSelected, AddressValidated, IceLite
from media_relay.core.packet.demux import DatagramKind, kind_of
from media_relay.core.packet.stun import parse_binding_request
from media_relay.core.plan import BrowserPath, IceCredentials, SessionPlan

LOCAL, REMOTE = IceCredentials("relayfrag", "the relay's password"), IceCredentials("browserfrag", "its password")
A, B = BrowserPath("192.0.2.1", 50000), BrowserPath("198.51.100.1", 50001)


class Session:
    """A transport and a browser's DTLS at the other end."""

    def __init__(self) -> None:
        self.now = monotonic()
        self.relay, self.browser = DtlsPeer("server"), DtlsPeer("client")
        self.browser.expect(self.relay.certificate.fingerprint)
        self.transport = BrowserTransport(IceLite(LOCAL), self.relay.context)
        self.events: list[TransportOutput] = []
        self.dtls_destinations: set[BrowserPath] = set()

    def plan(self, **changes: object) -> SessionPlan:
        fingerprints = (("sha-256", self.browser.certificate.fingerprint),)
        return SessionPlan(**({"remote_ice": REMOTE, "fingerprints": fingerprints} | changes))  # type: ignore[arg-type]

    def check(self, source: BrowserPath = A, nominate: bool = False, pwd: str = LOCAL.pwd) -> bool:
        request = parse_binding_request(binding_request(LOCAL.ufrag, pwd, use_candidate=nominate))
        assert request is not None
        return self.transport.receive_check(request, source, self.now)

    def drain(self) -> list[bytes]:
        """Note events; return the DTLS datagrams for the browser."""
        datagrams = []
        for output in self.transport.take_output():
            if not isinstance(output, SendDatagram):
                self.events.append(output)
            elif kind_of(output.datagram) is DatagramKind.DTLS:
                datagrams.append(output.datagram)
                self.dtls_destinations.add(output.destination)
        return datagrams

    def shake_hands(self) -> None:
        self.browser.endpoint.start(self.now)
        self.exchange()

    def exchange(self) -> None:
        while (to_relay := self.browser.take()) + (to_browser := self.drain()):
            for datagram in to_relay:
                self.transport.receive_dtls(datagram, self.now)
            for datagram in to_browser:
                self.browser.endpoint.receive(datagram, self.now)

    def connect(self) -> None:
        self.transport.apply(self.plan(), self.now)
        self.check()
        self.shake_hands()


def keys_of(events: list[TransportOutput]) -> list[bytes | None]:
    return [event.keys and event.keys.receive for event in events if isinstance(event, KeysChanged)]


def test_keys_come_before_the_news_that_the_browser_is_connected() -> None:
    session = Session()
    session.connect()
    assert session.browser.keys is not None
    assert session.events[:2] == [AddressValidated(A), AddressSelected(A)]
    assert keys_of(session.events) == [session.browser.keys.send]
    assert session.events[-1] == TransportConnected()


def test_checks_are_answered_before_anything_is_known_of_the_browser() -> None:
    session = Session()
    assert session.check()
    assert not session.check(pwd="wrong")


def test_early_records_wait_for_the_fingerprint_and_then_count() -> None:
    session = Session()
    session.check()
    session.shake_hands()
    assert TransportConnected() not in session.events
    session.transport.apply(session.plan(), session.now)
    session.exchange()
    assert session.events[-1] == TransportConnected()


def test_early_records_are_bounded() -> None:
    session = Session()
    session.check()
    for _ in range(1000):
        session.transport.receive_dtls(b"\x16", session.now)
    assert len(session.transport._early) == MAX_EARLY_DATAGRAMS


def test_a_dtls_client_waits_for_an_address_before_its_hello() -> None:
    session = Session()
    session.transport.apply(session.plan(dtls_role="client"), session.now)
    assert session.drain() == []
    session.check()
    assert len(session.drain()) == 1


def test_dtls_goes_to_the_nominated_address() -> None:
    session = Session()
    session.transport.apply(session.plan(), session.now)
    session.check(A)
    session.check(B, nominate=True)
    session.shake_hands()
    assert session.dtls_destinations == {B}


def test_a_wrong_fingerprint_is_final_and_gives_no_keys() -> None:
    session = Session()
    session.transport.apply(session.plan(fingerprints=(("sha-256", "AB:CD"),)), session.now)
    session.check()
    session.shake_hands()
    assert keys_of(session.events) == [None]
    assert session.events[-1] == TransportFailed("fingerprint")
    assert session.browser.ended == "closed"
    session.transport.apply(session.plan(), session.now)
    assert not session.check()
    assert session.drain() == []


def test_lost_consent_takes_keys_and_addresses_and_sends_nothing() -> None:
    session = Session()
    session.connect()
    session.events.clear()
    session.transport.handle_timer(session.now + 30.0)
    assert session.drain() == []
    assert session.events == [AddressExpired(A), KeysChanged(None), TransportFailed("consent")]
    assert session.transport.next_timer() is None


def test_a_browser_that_never_checks_fails_ice() -> None:
    session = Session()
    session.transport.apply(session.plan(), session.now)
    assert session.transport.next_timer() == session.now + 30.0
    session.transport.handle_timer(session.now + 30.0)
    session.drain()
    assert session.events[-1] == TransportFailed("ice")


def test_a_browser_that_never_shakes_hands_fails_dtls() -> None:
    session = Session()
    session.transport.apply(session.plan(), session.now)
    session.check()
    session.now += 10.0
    session.check()
    session.transport.handle_timer(session.now + 20.0)
    session.drain()
    assert session.events[-1] == TransportFailed("dtls")


def test_the_same_plan_again_disturbs_nothing() -> None:
    session = Session()
    session.connect()
    session.events.clear()
    session.transport.apply(session.plan(), session.now)
    session.drain()
    assert session.events == []


def test_another_fingerprint_starts_a_new_association() -> None:
    session = Session()
    session.connect()
    session.events.clear()
    session.browser = DtlsPeer("client")
    session.browser.expect(session.relay.certificate.fingerprint)
    session.transport.apply(session.plan(), session.now)
    session.shake_hands()
    assert session.browser.keys is not None
    assert keys_of(session.events) == [None, session.browser.keys.send]


def test_closing_says_close_notify() -> None:
    session = Session()
    session.connect()
    session.transport.close(session.now)
    session.exchange()
    assert session.browser.ended == "closed"
    assert not session.check()


def test_close_notify_of_the_browser_fails_the_session() -> None:
    session = Session()
    session.connect()
    session.browser.endpoint.close(session.now)
    session.exchange()
    assert session.events[-1] == TransportFailed("closed")
