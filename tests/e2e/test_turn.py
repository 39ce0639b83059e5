"""Pages that can reach nothing but a TURN server talk through it, by the credentials of their log-in."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.browser.tab import Browser
from tests.support.coturn import SECRET, Coturn, coturn
from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.services import MEDIA_ADDRESS, Cordboard, cordboard

# As behind a firewall that lets nothing else out.
RELAY_ONLY = """
() => {
  const Direct = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Direct {
    constructor(configuration) { super({ ...configuration, iceTransportPolicy: "relay" }); }
  };
}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def turn_server() -> AsyncIterator[Coturn]:
    """At an address that both browsers use."""
    async with coturn(MEDIA_ADDRESS) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def behind_turn(turn_server: Coturn) -> AsyncIterator[Cordboard]:
    """A cluster that tells its pages of the server."""
    settings = {"SIGNALING_TURN_URLS": turn_server.url, "SIGNALING_TURN_SECRET": SECRET}
    async with cordboard(**settings) as running:
        yield running


async def test_two_browsers_talk_through_a_turn_server(
    turn_server: Coturn,
    behind_turn: Cordboard,
    open_page: OpenPhone,
    chromium_browser: Browser,
    firefox_browser: Browser,
) -> None:
    alice = await open_page(440, url=behind_turn.page_url(), browser=chromium_browser)
    bob = await open_page(620, url=behind_turn.page_url(), browser=firefox_browser)
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.tab.evaluate(RELAY_ONLY)
        await page.connect(Account(user, behind_turn.users[user]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    for session in await behind_turn.store.sessions.names():
        await turn_server.process.wait_for_output(rf"user <\d+:{re.escape(session)}>.*ALLOCATE processed, success")
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
