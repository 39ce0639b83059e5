"""Browsers and SIP phones through somebody else's SIP server: a real Kamailio that asks everybody for digest."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from tests.support.baresip import baresip
from tests.support.kamailio import Kamailio
from tests.support.linphone import linphone
from tests.support.page import (
    Account,
    OpenPhone,
    call_phone,
    called_by_phone,
    establish,
    hear_and_be_heard,
    hear_each_other,
)
from tests.support.scripted_phone import ScriptedPhone
from tests.support.services import Cordboard

Phone = Callable[..., contextlib.AbstractAsyncContextManager[ScriptedPhone]]


def account(server: Kamailio, user: str, transport: str = "") -> Account:
    port = server.tls_port if transport == "tls" else server.port
    return Account(user, server.users[user], server.domain, outbound_proxy=server.host, port=port, transport=transport)


@pytest.mark.parametrize(
    "server",
    [{"media": True}, {"media": False}, {"media": False, "sha256": True}],
    ids=["rtpengine", "signalling only", "SHA-256 digest"],
    indirect=True,
)
async def test_two_pages_talk(cluster: Cordboard, server: Kamailio, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await asyncio.gather(alice.connect(account(server, "alice")), bob.connect(account(server, "bob")))
    before = await cluster.resting_state()
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    if server.rtpengine:
        assert min(await server.rtpengine.packets_relayed()) > 5
    await cluster.wait_until_settled(before)


@pytest.mark.parametrize(
    ("transport", "phone", "server"),
    [
        ("udp", baresip, {"media": True}),
        ("tcp", baresip, {"media": False}),
        ("tls", baresip, {"media": False}),
        ("udp", linphone, {"media": False, "sha256": True}),
        ("tls", linphone, {"media": True, "sha256": True}),
    ],
    ids=["UDP", "TCP", "TLS", "UDP SHA-256", "TLS SHA-256"],
    indirect=["server"],
)
async def test_a_page_and_a_sip_phone_call_each_other_and_hold_through_its_record_route(
    transport: str, phone: Phone, cluster: Cordboard, server: Kamailio, open_page: OpenPhone
) -> None:
    async with phone("bob", server.users["bob"], server.domain, server.port, frequency=620) as bob:
        alice = await open_page(440)
        await alice.connect(account(server, "alice", transport))
        before = await cluster.resting_state()

        await call_phone(alice, bob, "bob")
        await alice.hold()
        await alice.hears_silence()
        await alice.unhold()
        await hear_and_be_heard(alice, bob)
        await bob.hang_up()
        await alice.wait_for_call("^FINISH")

        await called_by_phone(alice, bob, f"sip:alice@{server.domain}")
        await bob.hold()
        await alice.wait_for_call("^HOLD the other side holds")
        await bob.resume()
        await alice.wait_for_call("^ESTABLISHED")
        await hear_and_be_heard(alice, bob)
        await alice.hang_up()
        await bob.wait_for_end()
        await cluster.wait_until_settled(before)
