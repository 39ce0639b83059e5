"""RTP injection (ES2017-04): what strangers send into a call is heard by neither end."""

from tests.support.attacks import Forger
from tests.support.network import RELAY_HOST, Network
from tests.support.rtp_packets import rtp_packet, sender_report
from tests.support.trial import PCMU, Trial, at_rate

RATE, SECONDS = 1000, 1.0
COUNT = RATE * SECONDS


async def test_a_stranger_who_knows_ssrc_type_and_number_of_the_phone_reaches_no_browser(
    trial: Trial, network: Network
) -> None:
    call = await trial.call()
    with network.attacker.udp() as attacker:

        def inject(number: int) -> None:
            packet = rtp_packet(PCMU, call.said + number % 50, call.phone_ssrc, b"injected")
            attacker.sendto(packet, (RELAY_HOST, call.rtp_port))
            attacker.sendto(sender_report(call.phone_ssrc), (RELAY_HOST, call.rtp_port + 1))

        async with trial.talking(call) as heard:
            await at_rate(inject, RATE, SECONDS)
    assert heard.is_whole
    await trial.dropped(2 * COUNT, "latch_refused")
    assert call.browser.rtcp.empty()


async def test_rtp_in_the_clear_reaches_no_phone_whoever_it_says_it_is_from(trial: Trial, network: Network) -> None:
    call = await trial.call()
    with network.attacker.udp() as attacker, Forger(network.attacker) as forger:

        def inject(number: int) -> None:
            packet = rtp_packet(PCMU, call.said + number % 50, call.browser_ssrc, b"injected".ljust(160))
            attacker.sendto(packet, call.relay_browser)
            forger.send(packet, call.browser.address, call.relay_browser)

        async with trial.talking(call) as heard:
            await at_rate(inject, RATE, SECONDS)
    assert heard.is_whole
    await trial.dropped(COUNT, "unknown_source")
    await trial.dropped(COUNT, "srtp_auth", "replay")
