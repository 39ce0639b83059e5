"""The race for the handshake (CVE-2023-49786): a ClientHello from an address that ICE has not proved ends no call."""

import asyncio

import pytest
from tests.support.attacks import Forger, client_hello
from tests.support.network import Network
from tests.support.tap import tapped
from tests.support.trial import Trial, at_rate

SET_UPS = 500
SPRAY = 2000


@pytest.mark.timeout(180)
async def test_every_call_is_set_up_while_client_hellos_are_sprayed(trial: Trial, network: Network) -> None:
    first = await trial.prepare("first")
    stop = asyncio.Event()
    with tapped(network.attacker) as tap, network.attacker.udp() as attacker, Forger(network.attacker) as forger:

        def spray(number: int) -> None:
            hello = client_hello(number)
            attacker.sendto(hello, first.relay_browser)
            # From the browsers' host, as somebody behind the same NAT may.
            forger.send(hello, first.browser.address._replace(port=1024 + number % 1000), first.relay_browser)

        async with asyncio.TaskGroup() as tasks:
            spraying = tasks.create_task(at_rate(spray, SPRAY, stop=stop))
            for number in range(SET_UPS):
                await trial.release(await trial.call(f"m{number}"))
            stop.set()
        assert tap.datagrams(first.relay_browser.host) == []
    assert await trial.relay.metric("dtls_handshakes_total") == SET_UPS
    await trial.dropped(2 * spraying.result(), "unknown_source")
