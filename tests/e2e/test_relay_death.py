"""A media-relay dies or drains under calls: pages hear each other again, by another relay."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.page import (
    Account,
    OpenPhone,
    PhonePage,
    call_phone,
    called_by_phone,
    establish,
    hear_and_be_heard,
    hear_each_other,
)
from tests.support.services import Cordboard, Pod, cordboard
from tests.support.until import until
from tests.support.wcs_pages import open_wcs_phone, package_server

# While it rings the page shows nothing of another relay's offer.
NOTE_OFFERS = """() => {
  const { call } = cordboard, handle = call.handle.bind(call);
  window.offer = "";
  call.handle = (event) => {
    handle(event);
    if (event.type === "call.reanchor") window.offer = event.sdp;
  };
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def relays() -> AsyncIterator[Cordboard]:
    """One signaling pod, one agent, two relays."""
    async with cordboard(relays=2) as running:
        yield running


async def relay_of_a_call(cluster: Cordboard) -> Pod:
    """Return the relay that has the media of one of the calls."""
    for call in await cluster.store.calls.names():
        entry = await cluster.store.calls.get(call)
        if entry and entry.record.media:
            return next(relay for relay in cluster.relays if relay.name == entry.record.media.relay)
    raise AssertionError("no call has media")


async def talking(cluster: Cordboard, open_page: OpenPhone, browser: Browser) -> tuple[PhonePage, PhonePage]:
    url = cluster.page_url()
    alice, bob = await asyncio.gather(open_page(440, browser=browser, url=url), open_page(620, url=url))
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    return alice, bob


async def test_pages_hear_each_other_again_when_their_relay_dies(
    relays: Cordboard, open_page: OpenPhone, browser: Browser
) -> None:
    alice, bob = await talking(relays, open_page, browser)
    await (await relay_of_a_call(relays)).kill()
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


async def test_a_phone_and_a_page_hear_each_other_again_when_their_relay_dies(
    relays: Cordboard, open_page: OpenPhone
) -> None:
    domain, port = relays.domain, relays.agents[0].port
    async with baresip("carol", relays.users["carol"], domain, port, frequency=620) as carol:
        page = await open_page(440, url=relays.page_url())
        await page.connect(Account("alice", relays.users["alice"]))
        for connect in (call_phone(page, carol, "carol"), called_by_phone(page, carol, f"sip:alice@{domain}")):
            await connect
            await asyncio.gather(relays.start_relay(), (await relay_of_a_call(relays)).kill())
            await hear_and_be_heard(page, carol)
            await page.hold()
            await page.hears_silence()
            await page.unhold()
            await hear_and_be_heard(page, carol)
            await page.hang_up()
            await page.wait_for_call("^FINISH")


@pytest.mark.alone
async def test_pages_hear_each_other_all_along_while_their_relay_drains(
    relays: Cordboard, open_page: OpenPhone, browser: Browser
) -> None:
    alice, bob = await talking(relays, open_page, browser)
    async with asyncio.TaskGroup() as group:
        stopped = group.create_task((await relay_of_a_call(relays)).stop())
        group.create_task(alice.hears_all_along(bob.frequency, stopped))
        group.create_task(bob.hears_all_along(alice.frequency, stopped))
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


async def test_calls_that_ring_are_answered_and_heard_after_the_death_of_their_relay(
    relays: Cordboard, open_page: OpenPhone
) -> None:
    url = relays.page_url()
    alice, bob = await asyncio.gather(open_page(440, url=url), open_page(620, url=url))
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, relays.users[user]))
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await bob.tab.evaluate(NOTE_OFFERS)
    for relay in list(relays.relays):  # the one that the call is at, and the one that it moves to
        await asyncio.gather(relays.start_relay(), relay.kill())
        # An answer to the offer of a relay whose death nobody has noticed yet would end the call.
        await relays.agents[0].process.wait_for_output(f'"relay": "{relay.name}", "event": "media relay has no resp')

    async def has_offer_of_a_live_relay() -> bool:
        offer = str(await bob.tab.evaluate("() => window.offer"))
        return any(f"m=audio {relay.port} " in offer for relay in relays.relays if not relay.stopped)

    await until(has_offer_of_a_live_relay, 20.0)
    await bob.answer()
    await asyncio.gather(alice.wait_for_call("^ESTABLISHED"), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


async def test_a_page_of_another_kind_is_told_that_its_relay_is_gone(
    relays: Cordboard, open_page: OpenPhone, chromium_browser: Browser
) -> None:
    async with package_server() as package:
        pod = relays.websocket_url().removesuffix("/ws")
        alice = await open_wcs_phone(chromium_browser, f"{package}/phone/phone.html", pod, 440)
        bob = await open_page(620, url=relays.page_url())
        await bob.connect(Account("bob", relays.users["bob"]))
        here = "127.0.0.1"  # the form of WCS's local mode
        local = Account("alice", relays.users["alice"], here, outbound_proxy=here, port=0, register=False)
        await alice.connect(local, "^(ESTABLISHED|REGISTERED)$")
        await establish(alice, bob, "bob")
        await hear_each_other(alice, bob)
        entries = [await relays.store.calls.get(call) for call in await relays.store.calls.names()]
        (of_alice,) = [one.record for one in entries if one and one.record.direction == "outgoing"]
        relay = next(one for one in relays.relays if of_alice.media and one.name == of_alice.media.relay)
        await relay.kill()
        await alice.wait_for_call("^FINISH")
        await bob.wait_for_call("^FINISH.*Media Relay Is Gone")
        await alice.close()
