"""TLS connections between two of our transports: whose certificate is believed for what (RFC 5922)."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.test_sip_transport import LOOPS, Inbox, LoopFactory, run
from tests.support.certificates import Authority, Issued

from shared.errors import LocalError
from sip_agent.core.events import Flow
from sip_agent.transport.stream import StreamTransport
from sip_agent.transport.tls import Tls, TlsFiles


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def files(authority: Authority, issued: Issued | None = None, client_ca: Path | None = None) -> TlsFiles:
    return TlsFiles(
        str(issued.certificate) if issued else "",
        str(issued.key) if issued else "",
        str(authority.certificate),
        str(client_ca or ""),
    )


@contextlib.asynccontextmanager
async def pair(ours: TlsFiles, theirs: TlsFiles) -> AsyncIterator[tuple[StreamTransport, Inbox, Flow, Inbox]]:
    """Our transport, its inbox, where theirs is (for the name sip.test), and their inbox."""
    our_inbox, their_inbox = Inbox(), Inbox()
    one = StreamTransport(our_inbox.on_data, our_inbox.on_end, tls=Tls(ours))
    other = StreamTransport(their_inbox.on_data, their_inbox.on_end, tls=Tls(theirs))
    await other.listen("127.0.0.1", 0)
    try:
        yield one, our_inbox, Flow("tls", *other.local_address, "sip.test"), their_inbox
    finally:
        await one.aclose()
        await other.aclose()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_bytes_go_both_ways_where_the_name_fits(loop_factory: LoopFactory, authority: Authority) -> None:
    async def work() -> None:
        async with pair(files(authority), files(authority, authority.issue("sip.test"))) as (one, _, place, theirs):
            one.send(b"hello", place)
            data, back = await asyncio.wait_for(theirs.data.get(), 5)
            assert data == b"hello" and (back.transport, back.certified) == ("tls", "")

    run(loop_factory, work())


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("names", [("other.test",), ("*.test",), ("sip:other.test", "sip.test")])
def test_a_certificate_of_another_is_refused(
    loop_factory: LoopFactory, authority: Authority, names: tuple[str, ...]
) -> None:
    async def work() -> None:
        async with pair(files(authority), files(authority, authority.issue(*names))) as (one, ours, place, theirs):
            one.send(b"secret", place)
            flow, reason = await asyncio.wait_for(ours.ends.get(), 5)
            assert (flow, reason) == (place, "certificate is not of sip.test")
            assert theirs.data.empty()

    run(loop_factory, work())


async def test_a_stranger_to_our_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").issue("sip.test")
    async with pair(files(authority), files(authority, stranger)) as (one, ours, place, theirs):
        one.send(b"secret", place)
        flow, reason = await asyncio.wait_for(ours.ends.get(), 5)
        assert flow == place and "CERTIFICATE_VERIFY_FAILED" in reason
        assert theirs.data.empty()


async def test_what_was_verified_for_one_name_is_not_used_for_another(authority: Authority) -> None:
    theirs_files = files(authority, authority.issue("sip.test", "other.test"))
    async with pair(files(authority), theirs_files) as (one, _, place, theirs):
        one.send(b"one", place)
        _, first = await asyncio.wait_for(theirs.data.get(), 5)
        one.send(b"two", place._replace(certified="other.test"))
        _, second = await asyncio.wait_for(theirs.data.get(), 5)
        assert first != second and len(one) == 2


async def test_with_a_client_authority_only_its_clients_are_served(authority: Authority) -> None:
    server = files(authority, authority.issue("sip.test"), client_ca=authority.certificate)
    async with pair(files(authority), server) as (one, ours, place, theirs):
        one.send(b"hello", place)
        await asyncio.wait_for(ours.ends.get(), 5)
        assert theirs.data.empty()
    async with pair(files(authority, authority.issue("client.test")), server) as (one, _, place, theirs):
        one.send(b"hello", place)
        assert (await asyncio.wait_for(theirs.data.get(), 5))[0] == b"hello"


async def test_tls_before_1_2_is_refused(authority: Authority) -> None:
    async with pair(files(authority), files(authority, authority.issue("sip.test"))) as (_, _, place, _):
        old = ssl.create_default_context(cafile=authority.certificate)
        with pytest.warns(DeprecationWarning):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(place.host, place.port, ssl=old, server_hostname="sip.test")


def test_a_renewed_certificate_is_read_once(authority: Authority) -> None:
    issued = authority.issue("sip.test")
    tls = Tls(files(authority, issued))
    assert not tls.refresh()
    authority.issue("sip.test")
    os.utime(issued.certificate, (1, 1))
    assert tls.refresh() and not tls.refresh()


def test_files_that_cannot_be_used_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="TLS files"):
        Tls(TlsFiles(certificate=str(tmp_path / "missing.pem")))


def test_half_a_renewal_changes_nothing_and_its_end_is_read(authority: Authority) -> None:
    issued = authority.issue("sip.test")
    tls = Tls(files(authority, issued))
    old_key = issued.key.read_bytes()
    authority.issue("sip.test")
    new_key = issued.key.read_bytes()
    issued.key.write_bytes(old_key)
    os.utime(issued.certificate, (1, 1))
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            tls.refresh()
    issued.key.write_bytes(new_key)
    assert tls.refresh() and not tls.refresh()


async def test_a_via_that_is_no_name_fails_at_once(authority: Authority) -> None:
    async with pair(files(authority), files(authority, authority.issue("sip.test"))) as (one, ours, place, _):
        for name in (".test", "a..b", "a" * 64):
            one.send(b"200", place._replace(certified=name))
            flow, _ = await asyncio.wait_for(ours.ends.get(), 5)
            assert flow.certified == name and len(one) == 0
