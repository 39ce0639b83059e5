"""RTP bleed (ES2017-04, CVE-2025-53399): who sprays RTP over the relay's ports hears no call."""

import asyncio
import socket

from tests.support.network import RELAY_HOST, Network
from tests.support.rtp_packets import receiver_report, rtp_packet
from tests.support.tap import tapped
from tests.support.trial import PCMU, PERIOD, Trial, at_rate
from tests.trials.conftest import StartTrial

RANGE = range(20000, 22000)
IN_SEQUENCE = 6  # more than a port that is not latched yet asks of a source
BEFORE_LOCK = 5  # packets
SILENCE = 0.5
LATCH_SETTLES = 2.5
INJECTED = b"x" * 160


def spray(attacker: socket.socket, number: int) -> None:
    """Send to the next port of the range, and to each the next of a sequence."""
    turn, at = divmod(number, len(RANGE))
    packet = receiver_report(0xA77AC) if RANGE[at] % 2 else rtp_packet(PCMU, turn, 0xA77AC)
    attacker.sendto(packet, (RELAY_HOST, RANGE[at]))


async def test_a_spray_over_all_ports_during_calls_brings_nothing_back(trial: Trial, network: Network) -> None:
    calls = [await trial.call(f"m{number}") for number in range(5)]
    with tapped(network.attacker) as tap, network.attacker.udp() as attacker:
        async with trial.talking(*calls) as heard:
            await at_rate(lambda number: spray(attacker, number), 10000, IN_SEQUENCE * len(RANGE) / 10000)
        assert tap.datagrams(RELAY_HOST) == []
    assert heard.is_whole
    await trial.dropped(2 * len(calls) * (IN_SEQUENCE - 1), "latch_refused")


async def test_who_sprays_before_the_phone_is_heard_gets_and_injects_next_to_nothing(
    trial: Trial, network: Network
) -> None:
    call = await trial.prepare()
    stop = asyncio.Event()
    with tapped(network.attacker) as tap, network.attacker.udp() as attacker:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                at_rate(lambda number: attacker.sendto(rtp_packet(PCMU, number, 1), call.relay_rtp), 200, stop=stop)
            )
            await trial.connect(call)
            await at_rate(lambda _: call.say(phone_too=False), 1 / PERIOD, SILENCE)
            async with trial.talking(call) as heard:
                await trial.dropped(200, "latch_refused")
            stop.set()
        assert len(tap.datagrams(RELAY_HOST)) <= BEFORE_LOCK
    assert heard.missing == 0
    assert len([word for word in heard.strange if word == INJECTED]) <= BEFORE_LOCK


async def test_a_phone_behind_nat_is_found_and_then_kept(trial: Trial, network: Network) -> None:
    call = await trial.prepare(phone_says="192.168.1.20")
    await trial.connect(call)
    for _ in range(4):  # what a port asks of a source on another host than was signalled
        call.say()
    await call.browser.receive_rtp()
    await call.greet()
    with tapped(network.attacker) as tap, network.attacker.udp() as attacker:
        async with trial.talking(call) as heard:
            await at_rate(
                lambda number: attacker.sendto(rtp_packet(PCMU, number, 1), call.relay_rtp), 200, LATCH_SETTLES
            )
        assert tap.datagrams(RELAY_HOST) == []
    assert heard.missing == 0
    assert INJECTED not in heard.strange


async def test_a_phone_behind_nat_with_srtp_is_found_whoever_is_first(
    start_trial: StartTrial, network: Network
) -> None:
    trial = await start_trial(RELAY_SIP_SRTP="required")
    call = await trial.prepare(phone_says="192.168.1.20")
    assert call.agreed is not None
    stop = asyncio.Event()
    with tapped(network.attacker) as tap, network.attacker.udp() as attacker:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                at_rate(lambda number: attacker.sendto(rtp_packet(PCMU, number, 1), call.relay_rtp), 200, stop=stop)
            )
            await trial.dropped(50, "srtp_auth")
            await trial.connect(call)
            for _ in range(4):
                call.say()
            await call.browser.receive_rtp()
            await call.greet()
            async with trial.talking(call) as heard:
                await trial.dropped(200, "srtp_auth")
            stop.set()
        assert tap.datagrams(RELAY_HOST) == []
    assert heard.missing == 0
    assert INJECTED not in heard.strange
