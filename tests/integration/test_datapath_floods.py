"""STUN beyond what browsers need: it stays in the forwarder, and Python has time for the others."""

import pytest
from tests.support.data_path import Relay, audio, browser_plan, connect
from tests.support.data_path import relay as relay
from tests.support.pace import turn
from tests.support.rtp_packets import rtp_packet
from tests.support.webrtc_client import binding_request

from media_relay.core.counters import Drop
from media_relay.events import Connected

FLOOD = 2000


async def test_what_names_no_session_keeps_no_browser_waiting(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 1)
    stranger, browser = await relay.browser(allocation.ice), await relay.browser(allocation.ice)
    relay.path.apply("m1", browser_plan(browser, audio(None, None)))
    check = binding_request("nobody-1", allocation.ice.pwd)
    for number in range(FLOOD):
        stranger.send((check, b"\0", check[:-4], binding_request("nobody", ""))[number % 4])
        if number % 64 == 0:
            await turn()
    await browser.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m1")
    assert relay.drops(Drop.UNKNOWN_SOURCE) == FLOOD


@pytest.mark.parametrize("is_proved", [True, False])
async def test_a_session_hands_up_no_more_than_a_browser_needs(relay: Relay, is_proved: bool) -> None:
    flooded, other = await connect(relay, "m1"), relay.path.allocate("m2", 1)
    flooder = flooded.browser if is_proved else await relay.browser(flooded.browser.relay_ice)
    check = binding_request(flooded.browser.relay_ice.ufrag, "not the password")
    for number in range(FLOOD):
        flooder.send(check)
        if number % 64 == 0:
            await turn()
    browser = await relay.browser(other.ice)
    relay.path.apply("m2", browser_plan(browser, audio(None, None)))
    await browser.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m2")
    refused = relay.path.stats().sessions["m1"].drops[Drop.FLOODED]
    assert refused + relay.drops(Drop.STUN_AUTH) == FLOOD
    assert refused > FLOOD / 2
    flooded.browser.send_rtp(rtp_packet(111, 1, 0xB1))
    assert (await flooded.phone.receive())[0] == rtp_packet(96, 1, 0xB1)
