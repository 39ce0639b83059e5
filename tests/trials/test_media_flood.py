"""Media to third parties: whom a description names, and who has not been heard, is not flooded for anybody."""

import asyncio

import pytest
from tests.support.network import RELAY_HOST, Network
from tests.support.rtp_packets import receiver_report, rtp_packet
from tests.support.tap import tapped
from tests.support.trial import PCMU, Call, Trial, at_rate

PAGE_SENDS, SECONDS = 4000, 1.0  # packets a second; a call needs 50
MOST, BURST = 100, 100


async def flood(call: Call, *kinds: str) -> float:
    """Let the page send far more than a call needs; return how long that took, which is longer on a busy machine."""

    def send(number: int) -> None:
        if kinds[number % len(kinds)] == "rtp":
            call.browser.send_rtp(rtp_packet(PCMU, number & 0xFFFF, call.browser_ssrc))
        else:
            call.browser.send_rtcp(receiver_report(call.browser_ssrc))

    loop = asyncio.get_running_loop()
    started = loop.time()
    await at_rate(send, PAGE_SENDS, SECONDS)
    return loop.time() - started


async def test_a_host_that_was_never_heard_gets_no_more_than_a_call_needs(trial: Trial, network: Network) -> None:
    with tapped(network.victim) as tap:
        call = await trial.prepare(phone_says=network.victim.address)
        await trial.connect(call)
        took = await flood(call, "rtp", "rtcp")
        await trial.dropped(PAGE_SENDS * SECONDS - MOST * took - 2 * BURST, "unheard")
        assert 0 < len(tap.datagrams(RELAY_HOST)) <= BURST + MOST * (took + 1)


@pytest.mark.parametrize(("what", "rtp", "rtcp"), [("rtp", "victim", "phone"), ("rtcp", "phone", "victim")])
async def test_who_is_heard_on_the_one_port_does_not_speak_for_the_victim_on_the_other(
    trial: Trial, network: Network, what: str, rtp: str, rtcp: str
) -> None:
    with tapped(network.victim) as tap:
        call = await trial.prepare(
            phone_says=getattr(network, rtp).address,
            rtcp=getattr(network, rtcp).address,
        )
        await trial.connect(call)
        if what == "rtp":
            call.rtcp.send(receiver_report(call.phone_ssrc), call.rtp_port + 1, RELAY_HOST)
            await call.browser.receive_rtcp()
        else:
            await call.greet()
        took = await flood(call, what)
        await trial.dropped(PAGE_SENDS * SECONDS - MOST * took - 2 * BURST, "unheard")
        assert len(tap.datagrams(RELAY_HOST)) <= BURST + MOST * (took + 1)


async def test_who_was_heard_gets_all(trial: Trial) -> None:
    call = await trial.call()
    await flood(call, "rtcp")
    heard = [await call.rtcp.receive() for _ in range(int(PAGE_SENDS * SECONDS))]
    assert len(heard) == int(PAGE_SENDS * SECONDS)
