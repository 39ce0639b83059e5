"""DTLS-SRTP handshakes between two endpoints in memory."""

from hashlib import sha256
from pathlib import Path
from time import monotonic

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto
from tests.support.dtls_pair import DtlsPeer, dtls_pair, exchange, start, wait_for_timer

from media_relay.browser.dtls import DtlsState, KeysReady, SendDtls, create_context, pack_records, split_records
from media_relay.core.srtp_keys import SrtpProfile


def record(length: int, content_type: int = 22) -> bytes:
    return bytes([content_type, 0xFE, 0xFD]) + bytes(8) + length.to_bytes(2, "big") + bytes(length)


def connected_pair() -> tuple[DtlsPeer, DtlsPeer]:
    client, server = dtls_pair()
    start(client, server)
    exchange(client, server)
    return client, server


def test_a_handshake_gives_both_sides_each_others_keys() -> None:
    client, server = connected_pair()
    assert client.keys is not None
    assert server.keys is not None
    assert client.keys.profile is server.keys.profile is SrtpProfile.AEAD_AES_128_GCM
    assert (client.keys.send, client.keys.receive) == (server.keys.receive, server.keys.send)
    assert client.endpoint.next_timer() is server.endpoint.next_timer() is None


def test_a_server_has_its_keys_before_the_client_has_its_finished() -> None:
    client, server = dtls_pair()
    start(client, server)
    while server.endpoint.state is DtlsState.HANDSHAKING:
        for datagram in client.take():
            server.endpoint.receive(datagram, monotonic())
        if server.endpoint.state is DtlsState.HANDSHAKING:
            for datagram in server.take():
                client.endpoint.receive(datagram, monotonic())
    keys, *flight = server.endpoint.take_output()
    assert isinstance(keys, KeysReady)
    assert flight
    assert all(isinstance(output, SendDtls) for output in flight)


def test_flights_are_cut_into_datagrams_of_whole_records_below_the_mtu() -> None:
    client, server = connected_pair()
    for datagram in client.sent + server.sent:
        assert len(datagram) <= 1200
        assert b"".join(split_records(datagram)) == datagram
    assert all(datagram[0] in range(20, 64) for datagram in client.sent + server.sent)


def test_dtls_1_2_is_spoken() -> None:
    client, _ = connected_pair()
    assert client.endpoint._connection.get_protocol_version_name() == "DTLSv1.2"


@pytest.mark.parametrize("wrong_side", ["client", "server"])
def test_a_certificate_that_the_sdp_does_not_name_gives_no_keys(wrong_side: str) -> None:
    client, server = dtls_pair()
    wary, other = (client, server) if wrong_side == "client" else (server, client)
    wary.expect(wary.certificate.fingerprint)
    start(client, server)
    exchange(client, server)
    assert wary.keys is None
    assert wary.ended == "fingerprint"
    assert other.ended is not None


def test_a_certificate_that_cannot_be_parsed_gives_no_keys(tmp_path: Path) -> None:
    client, server = dtls_pair()
    encoded = client.certificate.x509.public_bytes(Encoding.DER)
    version_2 = encoded.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020101"), 1)
    (tmp_path / "version_2.der").write_bytes(version_2)
    client.context = create_context(client.certificate)  # one that is not in use yet
    client.context.use_certificate_file(str(tmp_path / "version_2.der"), crypto.FILETYPE_ASN1)
    client.expect(server.certificate.fingerprint)
    server.expect(sha256(version_2).digest().hex(":").upper())
    start(client, server)
    exchange(client, server)
    assert server.keys is None
    assert server.ended == "fingerprint"


@pytest.mark.parametrize("lost", ["client", "server"])
async def test_a_lost_flight_is_sent_again(lost: str) -> None:
    client, server = dtls_pair()
    start(client, server)
    if lost == "client":
        client.take()
    else:
        for datagram in client.take():
            server.endpoint.receive(datagram, monotonic())
        server.take()
    await wait_for_timer(client)
    exchange(client, server)
    if server.keys is None:  # it keeps its flight until its own timer is due
        await wait_for_timer(server)
        exchange(client, server)
    assert client.keys is not None
    assert server.keys is not None


async def test_a_server_whose_last_flight_was_lost_repeats_it() -> None:
    client, server = dtls_pair()
    start(client, server)
    while server.keys is None:
        for datagram in client.take():
            server.endpoint.receive(datagram, monotonic())
        for datagram in server.take():
            if server.keys is None:
                client.endpoint.receive(datagram, monotonic())
    assert client.keys is None
    await wait_for_timer(client)
    exchange(client, server)
    assert client.keys is not None


def test_a_handshake_that_nobody_answers_ends_after_30_seconds() -> None:
    client, _ = dtls_pair()
    now = monotonic()
    client.endpoint.start(now)
    client.endpoint.handle_timer(now + 30.0)
    client.take()
    assert client.ended == "dtls"
    assert client.endpoint.next_timer() is None


def test_close_notify_ends_the_other_side() -> None:
    client, server = connected_pair()
    client.endpoint.close(monotonic())
    exchange(client, server)
    assert server.ended == "closed"
    assert client.endpoint.state is DtlsState.CLOSED


@given(st.binary(max_size=200))
def test_garbage_does_not_disturb_an_association(garbage: bytes) -> None:
    client, server = _CONNECTED
    server.endpoint.receive(b"\x16\xfe\xfd" + garbage, monotonic())
    server.endpoint.receive(garbage, monotonic())
    assert server.endpoint.state is DtlsState.CONNECTED


_CONNECTED = connected_pair()


def test_a_datagram_cut_short_does_not_spoil_the_next() -> None:
    client, server = dtls_pair()
    start(client, server)
    (hello,) = client.take()
    server.endpoint.receive(hello[:-5], monotonic())
    server.endpoint.receive(hello, monotonic())
    exchange(client, server)
    assert server.keys is not None


def test_a_description_means_the_same_association_if_it_names_the_peers_certificate() -> None:
    client, server = dtls_pair()
    fingerprint = client.certificate.fingerprint
    assert server.endpoint.is_with((("sha-256", fingerprint),))
    assert not server.endpoint.is_with((("sha-256", "AB"), ("sha-256", fingerprint)))
    start(client, server)
    exchange(client, server)
    assert server.endpoint.is_with((("sha-256", "AB"), ("sha-256", fingerprint)))
    assert not server.endpoint.is_with((("sha-256", "AB"),))


def test_records_are_split_at_their_headers_and_a_part_of_one_is_refused() -> None:
    first, second = record(5), record(0, 20)
    assert split_records(first + second) == [first, second]
    assert split_records(b"") == []
    assert split_records((first + second)[:-1]) == []
    assert split_records(first + second[:4]) == []


def test_datagrams_are_filled_with_whole_records() -> None:
    big, small = record(1000), record(100)
    assert pack_records([small, big, small, small, big]) == [small + big, small + small, big]
    assert [len(datagram) for datagram in pack_records([small, big, small, big])] == [1126, 1126]
