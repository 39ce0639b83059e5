"""Browsers and SIP phones through somebody else's SIP server: a real Kamailio that asks everybody for digest."""

import asyncio

import pytest
from tests.support.baresip import baresip
from tests.support.kamailio import Kamailio
from tests.support.page import Account, OpenPhone, call_phone, called_by_phone, establish, hear_each_other
from tests.support.services import Cordboard


def account(server: Kamailio, user: str) -> Account:
    return Account(user, server.users[user], server.domain, outbound_proxy=server.host, port=server.port)


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


@pytest.mark.parametrize("server", [{"media": True}], ids=["rtpengine"], indirect=True)
async def test_a_page_calls_a_sip_phone_and_is_called_by_it(
    cluster: Cordboard, server: Kamailio, open_page: OpenPhone
) -> None:
    async with baresip("bob", server.users["bob"], server.domain, server.port, frequency=620) as bob:
        alice = await open_page(440)
        await alice.connect(account(server, "alice"))
        before = await cluster.resting_state()

        await call_phone(alice, bob, "bob", 620)
        await bob.hang_up()
        await alice.wait_for_call("^FINISH")

        await called_by_phone(alice, bob, f"sip:alice@{server.domain}", 620)
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")
        await cluster.wait_until_settled(before)
