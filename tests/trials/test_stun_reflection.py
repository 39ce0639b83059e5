"""STUN reflection: no one without a session's password is answered, and nobody at greater length than he asked."""

import asyncio

from aioice import stun
from tests.support.attacks import Forger
from tests.support.network import RELAY_HOST, Network
from tests.support.pace import spend
from tests.support.tap import tapped
from tests.support.trial import Call, Trial, at_rate
from tests.support.webrtc_client import binding_request

from media_relay.core.plan import Address

SECONDS, RATE = 1.0, 1000
FLOOD, SET_UPS = 10000, 20


def plain_request() -> bytes:
    """Return a Binding request as a STUN server gets it: without a user."""
    return bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))


def shortest_check(call: Call) -> bytes:
    """Return the shortest request that has all that RFC 8445 §7.1 demands."""
    ice = call.browser.relay_ice
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ice.ufrag}:"
    request.add_message_integrity(ice.pwd.encode())
    return bytes(request)


async def test_the_victim_whose_address_is_forged_gets_nothing(trial: Trial, network: Network) -> None:
    call = await trial.call()
    ice, victim = call.browser.relay_ice, Address(network.victim.address, 53)
    kinds = (
        plain_request(),
        binding_request("nobody", ice.pwd),
        binding_request(ice.ufrag, "not the password"),
        binding_request(ice.ufrag, ice.pwd)[:-8],  # cut off: no FINGERPRINT
    )
    with tapped(network.victim) as tap, Forger(network.attacker) as forger:
        async with trial.talking(call) as heard:
            await at_rate(
                lambda number: forger.send(kinds[number % len(kinds)], victim, call.relay_browser), RATE, SECONDS
            )
        await trial.dropped(RATE * SECONDS, "stun_auth", "flooded", "unknown_source")
        assert tap.datagrams(RELAY_HOST) == []
    assert heard.is_whole


async def test_an_answer_is_no_longer_than_what_it_answers(trial: Trial, network: Network) -> None:
    call = await trial.call()
    ice = call.browser.relay_ice
    checks = [shortest_check(call), *(binding_request(ice.ufrag, ice.pwd, controlling=role) for role in (True, False))]
    with tapped(network.victim) as tap, network.victim.udp() as peer:
        for number, check in enumerate(checks, start=1):
            peer.sendto(check, call.relay_browser)
            async with asyncio.timeout(5):
                while len(tap.datagrams(RELAY_HOST)) < number:
                    await asyncio.get_running_loop().sock_recv(peer, 1500)
        lengths = [len(datagram.payload) for datagram in tap.datagrams(RELAY_HOST)]
    assert all(out <= len(check) for out, check in zip(lengths, checks, strict=True)), (lengths, list(map(len, checks)))


def from_nobody(number: int) -> bytes:
    """Return a check for a session that is not there, or what only begins like one."""
    return (binding_request(f"{number:08x}", "not the password"), bytes(1))[number % 2]


async def test_browsers_connect_at_once_in_a_flood_of_checks_for_nobody(trial: Trial, network: Network) -> None:
    first = await trial.prepare("first")
    stop = asyncio.Event()
    with network.attacker.udp() as attacker:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                at_rate(lambda number: attacker.sendto(from_nobody(number), first.relay_browser), FLOOD, stop=stop)
            )
            await trial.dropped(FLOOD / 2, "unknown_source")
            # Each check is answered, and none is repeated.
            calls = [await trial.call(f"m{number}") for number in range(SET_UPS)]
            async with trial.talking(*calls) as heard:
                await spend(SECONDS)
            stop.set()
    assert heard.is_whole


async def test_browsers_connect_while_one_of_them_floods(trial: Trial, network: Network) -> None:
    flooder = await trial.call("flooder")
    check = binding_request(flooder.browser.relay_ice.ufrag, "not the password")
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at_rate(lambda _: flooder.browser.send(check), FLOOD, stop=stop))
        await trial.dropped(FLOOD / 2, "flooded")
        for number in range(SET_UPS):
            await trial.call(f"m{number}")
        stop.set()
    async with trial.talking(flooder) as heard:
        await spend(SECONDS)
    assert heard.is_whole
