"""A browser's ICE and DTLS under bytes from strangers, with a handshake to spoil and a clock that moves."""

import datetime

from media_relay.browser import certificate
from media_relay.browser.dtls import DtlsEndpoint, SendDtls, create_context, split_records
from media_relay.browser.transport import BrowserTransport, KeysChanged, SendDatagram
from media_relay.core.ice import AddressExpired, AddressValidated, IceLite
from media_relay.core.packet.demux import DatagramKind, kind_of
from media_relay.core.packet.stun import parse_binding_request
from media_relay.core.plan import BrowserPath, IceCredentials, SessionPlan
from tests.fuzz.clock import let_pass
from tests.support.webrtc_client import binding_request

_LOCAL, _REMOTE = IceCredentials("relayfrag", "the relay's password"), IceCredentials("browserfrag", "its password")
_PATHS = tuple(BrowserPath(f"192.0.2.{host}", 50000) for host in range(10))  # more than one session keeps
_RELAY, _BROWSER, _STRANGER = (certificate.generate(datetime.datetime.now(datetime.UTC)) for _ in range(3))
_CONTEXTS = {own: create_context(own) for own in (_RELAY, _BROWSER, _STRANGER)}
# Beyond these a record is one datagram, as it is.
_TICK, _CHECK, _APPLY, _SHAKE_HANDS, _SPOIL = range(5)


class _Link:
    """A transport and its browser. Each record is: what to do, with what, how many bytes of data."""

    def __init__(self, who: certificate.Certificate) -> None:
        self.now = 0.0
        self.transport = BrowserTransport(IceLite(_LOCAL), _CONTEXTS[_RELAY])
        self.browser = DtlsEndpoint(_CONTEXTS[who], "client", (("sha-256", _RELAY.fingerprint),))
        self.browser.start(self.now)
        self.is_named = False  # a plan has had the browser's fingerprint
        self.has_keys = False
        self.valid: set[BrowserPath] = set()
        self._who = who

    def do(self, verb: int, choice: int, data: bytes) -> None:
        if verb == _TICK:
            let_pass(self, self.transport, choice / 4)
        elif verb == _CHECK:
            self._check(_PATHS[choice % len(_PATHS)], bool(choice & 0x40), "wrong" if choice & 0x80 else _LOCAL.pwd)
        elif verb == _APPLY:
            named = self._who if choice & 1 else _RELAY
            self.is_named = self.is_named or named is self._who
            role = "client" if choice & 2 else "server"
            self.transport.apply(SessionPlan(_REMOTE, (("sha-256", named.fingerprint),), role), self.now)
        elif verb in (_SHAKE_HANDS, _SPOIL):
            self._shake_hands(choice, data if verb == _SPOIL else b"")
        elif self.valid:  # the forwarder lets no other address speak DTLS
            self.transport.receive_dtls(data, self.now)
        self.drain()

    def _check(self, source: BrowserPath, is_nominated: bool, pwd: str) -> None:
        request = parse_binding_request(binding_request(_LOCAL.ufrag, pwd, use_candidate=is_nominated))
        assert request is not None
        is_taken = self.transport.receive_check(request, source, self.now)
        assert not is_taken or pwd == _LOCAL.pwd, "a check with another password"

    def _shake_hands(self, place: int, instead: bytes) -> None:
        """Deliver what the browser sends next, with other bytes at a place of it."""
        for event in self.browser.take_output():
            if isinstance(event, SendDtls) and self.valid:
                at = place * len(event.datagram) // 256
                spoilt = event.datagram[:at] + instead + event.datagram[at + len(instead) :]
                self.transport.receive_dtls(spoilt, self.now)

    def drain(self) -> None:
        for output in self.transport.take_output():
            if isinstance(output, AddressValidated):
                self.valid.add(output.address)
            elif isinstance(output, AddressExpired):
                self.valid.remove(output.address)
            elif isinstance(output, KeysChanged):
                self.has_keys = output.keys is not None
                assert not self.has_keys or self.is_named, "keys with somebody whom no description has named"
            elif isinstance(output, SendDatagram) and kind_of(output.datagram) is DatagramKind.DTLS:
                assert output.destination in self.valid, "DTLS to an address that ICE has not proved"
                assert split_records(output.datagram), "a datagram of broken records"
                self.browser.receive(output.datagram, self.now)

    def end(self) -> None:
        """Close; then nothing may be left to be done."""
        self.transport.close(self.now)
        self.drain()
        assert not self.valid and not self.has_keys and self.transport.next_timer() is None, "left behind by a close"


def run_transports(data: bytes) -> None:
    """No bytes make a transport fail, give keys to a stranger, or send DTLS to an address that ICE has not proved.

    The first byte says whether the browser has the certificate that descriptions may name, or a stranger's.
    """
    is_stranger = bool(data[:1]) and bool(data[0] & 1)
    link = _Link(_STRANGER if is_stranger else _BROWSER)
    position = 1
    while position + 3 <= len(data):
        verb, choice, length = data[position] % 8, data[position + 1], data[position + 2]
        position += 3
        link.do(verb, choice, data[position : position + length])
        position += length
    link.end()


def script(*records: tuple[int, int, bytes], is_stranger: bool = False) -> bytes:
    """Bytes that let `run_transports` do this."""
    return bytes([is_stranger]) + b"".join(bytes([verb, choice, len(data)]) + data for verb, choice, data in records)


SEEDS = (
    script((_APPLY, 1, b""), (_CHECK, 0, b""), *[(_SHAKE_HANDS, 0, b"")] * 3, (_TICK, 40, b""), (_CHECK, 1, b"")),
    script((_CHECK, 0, b""), (_SHAKE_HANDS, 0, b""), (_APPLY, 1, b""), *[(_SHAKE_HANDS, 0, b"")] * 3),
    script((_APPLY, 1, b""), (_CHECK, 0, b""), (_SHAKE_HANDS, 0, b""), (_SPOIL, 60, b"\0\xff\xff"), (_TICK, 200, b"")),
    script((_APPLY, 3, b""), (_CHECK, 0, b""), (7, 0, bytes.fromhex("16fefd00000000000000000000")), (_TICK, 20, b"")),
    script((_APPLY, 0, b""), (_CHECK, 0x43, b""), *[(_SHAKE_HANDS, 0, b"")] * 3, is_stranger=True),
    script(*[(_CHECK, place, b"") for place in range(10)], (_CHECK, 0x80, b""), (_APPLY, 1, b""), (_APPLY, 0, b"")),
)
