"""Two DTLS endpoints joined in memory, with a link that can lose datagrams."""

import asyncio
import datetime
from collections.abc import Callable
from time import monotonic

from media_relay.browser import certificate
from media_relay.browser.dtls import DtlsEnded, DtlsEndpoint, KeysReady, SendDtls, create_context
from media_relay.core.plan import DtlsRole
from media_relay.core.srtp_keys import SrtpKeys


class DtlsPeer:
    """An endpoint with its certificate, and what came of it."""

    def __init__(self, role: DtlsRole) -> None:
        self.certificate = certificate.generate(datetime.datetime.now(datetime.UTC))
        self.context = create_context(self.certificate)
        self.role = role
        self.keys: SrtpKeys | None = None
        self.ended: str | None = None
        self.sent: list[bytes] = []
        self.endpoint: DtlsEndpoint

    def expect(self, fingerprint: str) -> None:
        """Make the endpoint, which takes a peer with this fingerprint."""
        self.endpoint = DtlsEndpoint(self.context, self.role, (("sha-256", fingerprint),))

    def take(self) -> list[bytes]:
        """Note events; return what is to be sent."""
        datagrams = []
        for output in self.endpoint.take_output():
            match output:
                case SendDtls(datagram):
                    datagrams.append(datagram)
                case KeysReady(keys):
                    self.keys = keys
                case DtlsEnded(reason):
                    self.ended = reason
        self.sent += datagrams
        return datagrams


def dtls_pair() -> tuple[DtlsPeer, DtlsPeer]:
    """Return a client and a server that know each other's fingerprint."""
    client, server = DtlsPeer("client"), DtlsPeer("server")
    client.expect(server.certificate.fingerprint)
    server.expect(client.certificate.fingerprint)
    return client, server


def start(*peers: DtlsPeer) -> None:
    """Begin the handshake."""
    for peer in peers:
        peer.endpoint.start(monotonic())


def exchange(client: DtlsPeer, server: DtlsPeer, loses: Callable[[bytes], bool] = lambda _: False) -> None:
    """Carry datagrams until both are silent."""
    while datagrams := [(server, d) for d in client.take()] + [(client, d) for d in server.take()]:
        for receiver, datagram in datagrams:
            if not loses(datagram):
                receiver.endpoint.receive(datagram, monotonic())


async def wait_for_timer(peer: DtlsPeer) -> None:
    """Wait until the endpoint's timer is due, by OpenSSL's own clock, and let it act."""
    when = peer.endpoint.next_timer()
    assert when is not None
    await asyncio.sleep(max(0.0, when - monotonic()) + 0.01)
    peer.endpoint.handle_timer(monotonic())
