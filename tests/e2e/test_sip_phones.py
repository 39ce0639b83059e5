"""A SIP phone registered at the built-in domain, and a page."""

import pytest
from tests.e2e.forwarders import cluster
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.linphone import linphone
from tests.support.page import Account, OpenPhone, call_phone, called_by_phone, open_phone
from tests.support.services import Cordboard, cordboard

__all__ = ["cluster"]  # a fixture


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


async def test_a_phone_of_the_built_in_domain_proves_itself_by_sha256(chromium_browser: Browser) -> None:
    async with (
        cordboard(AGENT_DIGEST_ALGORITHMS="SHA-256") as cluster,
        linphone("bob", cluster.users["bob"], cluster.domain, cluster.agents[0].port, frequency=620) as bob,
    ):
        alice = await open_phone(chromium_browser, cluster.page_url(), 440)
        await alice.connect(Account("alice", cluster.users["alice"]))
        await call_phone(alice, bob, "bob")
        await bob.hang_up()
        await alice.wait_for_call("^FINISH")
        await called_by_phone(alice, bob, f"sip:alice@{cluster.domain}")
        await alice.close()
        await bob.wait_for_end()
