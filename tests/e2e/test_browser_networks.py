"""What browsers' networks do to them: no UDP, and a NAT that gets another address in mid-call."""

import asyncio

import pytest
from tests.support.browser.tab import Browser
from tests.support.lossy_link import Faults, lossy_link
from tests.support.no_udp import no_udp_to
from tests.support.page import Account, PhonePage, establish, hear_each_other, open_phone
from tests.support.processes import free_ports
from tests.support.services import MEDIA_ADDRESS, Cordboard, cordboard

from media_relay.core.plan import Address

NAT_ADDRESS = "10.9.9.2"  # of scripts/in-netns
# Firefox uses the other address alone. Chromium sees loopback alone, and drops a TCP connection whose own end is at no
# address that it has seen: that to another address of this host is at that address.
LOOPBACK = "127.0.0.1"


async def two_pages(cluster: Cordboard, one: Browser, other: Browser) -> tuple[PhonePage, PhonePage]:
    """Open a page in each browser, and let the first call the second."""
    alice, bob = [await open_phone(browser, cluster.page_url(), tone) for browser, tone in ((one, 440), (other, 620))]
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    await establish(alice, bob, "bob")
    return alice, bob


async def protocol_in_use(page: PhonePage) -> str:
    """By which the page reaches the relay."""
    (pair,) = [pair for pair in await page.stats("candidate-pair") if pair["nominated"]]
    remotes = await page.stats("remote-candidate")
    return str(next(each["protocol"] for each in remotes if each["id"] == pair["remoteCandidateId"]))


@pytest.mark.parametrize("forwarder", ["native", "python"])
async def test_browsers_talk_over_tcp_where_there_is_no_udp(
    forwarder: str, chromium_browser: Browser, firefox_browser: Browser
) -> None:
    settings = {
        "RELAY_FORWARDER": forwarder,
        "RELAY_BROWSER_TCP_PORT": str(free_ports()),
        "RELAY_BROWSER_HOST": f"{MEDIA_ADDRESS},{LOOPBACK}",
        "RELAY_ADDRESSES": f"{MEDIA_ADDRESS},{LOOPBACK}",
    }
    async with cordboard(**settings) as cluster:
        with no_udp_to(cluster.relays[0].port):
            alice, bob = await two_pages(cluster, chromium_browser, firefox_browser)
            await hear_each_other(alice, bob)
            assert [await protocol_in_use(page) for page in (alice, bob)] == ["tcp", "tcp"]
            await alice.hang_up()
            await bob.wait_for_call("^FINISH")
        await alice.close()
        await bob.close()


@pytest.mark.parametrize("forwarder", ["native", "python"])
async def test_firefox_goes_on_behind_an_address_that_changes(
    forwarder: str, firefox_browser: Browser, chromium_browser: Browser
) -> None:
    async with cordboard(RELAY_FORWARDER=forwarder, RELAY_ADDRESSES=NAT_ADDRESS) as cluster:
        port = cluster.relays[0].port
        with lossy_link(Address(MEDIA_ADDRESS, port), Faults(), near=Address(NAT_ADDRESS, port)) as nat:
            alice, bob = await two_pages(cluster, firefox_browser, chromium_browser)
            await hear_each_other(alice, bob)
            nat.forget(MEDIA_ADDRESS)
            async with asyncio.timeout(20):  # Firefox checks each 5 s
                await hear_each_other(alice, bob)
            await alice.hang_up()
            await bob.wait_for_call("^FINISH")
            await alice.close()
            await bob.close()
