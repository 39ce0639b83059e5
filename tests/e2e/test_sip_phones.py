"""A SIP phone registered at the built-in domain, and a page."""

import pytest
from tests.support.baresip import baresip
from tests.support.page import Account, OpenPhone, call_phone, called_by_phone
from tests.support.services import Cordboard


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_page_and_a_phone_of_the_built_in_domain_call_each_other(
    transport: str, cluster: Cordboard, open_page: OpenPhone
) -> None:
    sip_port = cluster.agents[0].port
    async with baresip(
        "bob", cluster.users["bob"], cluster.domain, sip_port, frequency=620, transport=transport
    ) as bob:
        alice = await open_page(440)
        await alice.connect(Account("alice", cluster.users["alice"]))
        before = await cluster.resting_state()

        await call_phone(alice, bob, "bob")
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")

        await called_by_phone(alice, bob, f"sip:alice@{cluster.domain}")
        await bob.hang_up()
        await alice.wait_for_call("^FINISH")
        await cluster.wait_until_settled(before)
