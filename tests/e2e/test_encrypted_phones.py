"""SIP phones that encrypt their media with keys in the description (SDES), and a page, on both forwarders."""

import pytest
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.page import Account, call_phone, called_by_phone, open_phone
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
