"""SRTP is authenticated before anything else (ES2025-01), and a flood of bad tags ends no call (CVE-2021-41105)."""

import asyncio

import pytest
from tests.support.attacks import Forger
from tests.support.network import Network
from tests.support.rtp_packets import receiver_report, rtp_packet
from tests.support.tap import tapped
from tests.support.trial import PCMU, Trial, at_rate

TAG = bytes(16)
SRTCP_TRAILER = TAG + b"\x80\0\0\1"  # E bit and index, RFC 7714 §9.2
FLOOD, FLOOD_SECONDS, CALLS = 10000, 30.0, 20
CHECKS = 1 / 5  # a second, for consent is given for 30 s (RFC 7675 §5.1)


async def test_srtp_with_a_bad_tag_is_not_forwarded_moves_nothing_and_is_counted(
    trial: Trial, network: Network
) -> None:
    call = await trial.call()
    with tapped(network.attacker) as tap, network.attacker.udp() as attacker, Forger(network.attacker) as forger:

        def send(number: int) -> None:
            for packet in (
                rtp_packet(PCMU, call.said + number, call.browser_ssrc) + TAG,
                receiver_report(call.browser_ssrc) + SRTCP_TRAILER,
            ):
                forger.send(packet, call.browser.address, call.relay_browser)
                attacker.sendto(packet, call.relay_browser)

        async with trial.talking(call) as heard:
            await at_rate(send, 200, 1.0)
        assert tap.datagrams(call.relay_browser.host) == []
    assert heard.is_whole
    assert call.rtcp.received.empty()
    await trial.dropped(400, "srtp_auth", "replay")
    await trial.dropped(400, "unknown_source")
    assert trial.relay.events.empty()


@pytest.mark.timeout(120)
async def test_a_flood_of_bad_tags_costs_the_calls_nothing(trial: Trial, network: Network) -> None:
    calls = [await trial.call(f"m{number}") for number in range(CALLS)]
    hit = calls[0]
    bad = rtp_packet(PCMU, 1, hit.browser_ssrc) + TAG, receiver_report(hit.browser_ssrc) + SRTCP_TRAILER
    stop = asyncio.Event()
    with Forger(network.attacker) as forger:
        async with trial.talking(*calls) as heard, asyncio.TaskGroup() as tasks:
            tasks.create_task(at_rate(lambda _: [call.browser.send_check() for call in calls], CHECKS, stop=stop))
            await at_rate(
                lambda number: forger.send(bad[number % 2], hit.browser.address, hit.relay_browser),
                FLOOD,
                FLOOD_SECONDS,
            )
            stop.set()
    assert heard.missing < heard.said / 1000
    assert heard.strange == []
    assert trial.relay.events.empty()
    await trial.dropped(FLOOD * FLOOD_SECONDS, "srtp_auth", "replay")
