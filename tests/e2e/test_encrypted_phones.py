"""SIP phones that encrypt their media with keys in the description (SDES), and a page, on both forwarders."""

import contextlib

import pytest
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.page import Account, call_phone, called_by_phone, hear_and_be_heard, open_phone
from tests.support.services import cordboard


@pytest.mark.parametrize("forwarder", ["native", "python"])
@pytest.mark.parametrize(
    ("policy", "encryption"), [("required", "srtp-mand"), ("optional", "srtp")], ids=["required", "optional"]
)
async def test_a_page_and_a_phone_that_encrypts_call_each_other(
    policy: str, encryption: str, forwarder: str, chromium_browser: Browser
) -> None:
    async with (
        cordboard(RELAY_SIP_SRTP=policy, RELAY_FORWARDER=forwarder) as cluster,
        baresip(
            "bob", cluster.users["bob"], cluster.domain, cluster.agents[0].port, frequency=620, encryption=encryption
        ) as bob,
    ):
        alice = await open_phone(chromium_browser, cluster.page_url(), 440)
        await alice.connect(Account("alice", cluster.users["alice"]))
        await call_phone(alice, bob, "bob")
        await bob.wait_for_encryption()
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")

        await called_by_phone(alice, bob, f"sip:alice@{cluster.domain}")
        await bob.wait_for_encryption()
        await bob.hang_up()
        await alice.wait_for_call("^FINISH")
        await alice.close()


@pytest.mark.parametrize("forwarder", ["native", "python"])
async def test_a_phone_that_encrypts_sends_the_page_on_to_another_that_does(
    forwarder: str, chromium_browser: Browser
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(cordboard(RELAY_SIP_SRTP="required", RELAY_FORWARDER=forwarder))
        bob, carol = [
            await stack.enter_async_context(
                baresip(
                    user,
                    cluster.users[user],
                    cluster.domain,
                    cluster.agents[0].port,
                    frequency=frequency,
                    encryption="srtp-mand",
                )
            )
            for user, frequency in (("bob", 620), ("carol", 820))
        ]
        alice = await open_phone(chromium_browser, cluster.page_url(), 440)
        await alice.connect(Account("alice", cluster.users["alice"]))
        await called_by_phone(alice, bob, f"sip:alice@{cluster.domain}")
        await bob.wait_for_encryption()
        await bob.transfer(f"sip:carol@{cluster.domain}")
        await carol.wait_for_ring()
        await carol.accept()
        await hear_and_be_heard(alice, carol)
        await carol.wait_for_encryption()
        await bob.wait_for_end()
        await carol.hang_up()
        await alice.wait_for_call("^FINISH")
        await alice.close()
