"""DTLS in the browser's name: after the handshake nothing that is not authentic ends a call (RFC 6347 §4.1.2.7)."""

import struct

from tests.support.attacks import Forger, client_hello
from tests.support.network import Network
from tests.support.trial import Trial, at_rate
from tests.support.webrtc_client import binding_request

RATE, SECONDS = 5000, 2.0
_ALERT, _APPLICATION_DATA = 21, 23


def record(kind: int, epoch: int, number: int, body: bytes) -> bytes:
    """Return a DTLS 1.2 record (RFC 6347 §4.1)."""
    return struct.pack("!B2sHHIH", kind, b"\xfe\xfd", epoch, 0, number, len(body)) + body


async def test_forged_alerts_hellos_and_data_end_no_call_and_cost_no_other_a_packet(
    trial: Trial, network: Network
) -> None:
    calls = [await trial.call(f"m{number}") for number in range(5)]
    hit = calls[0]

    def forged(number: int) -> bytes:
        return (
            record(_ALERT, 0, number, b"\x02\x28"),  # fatal handshake_failure, in the clear
            record(_ALERT, 0, number, b"\x01\x00"),  # close_notify
            record(_ALERT, 1, number, b"\x01\x00" + bytes(24)),
            record(_APPLICATION_DATA, 1, number, bytes(64)),
            client_hello(number),
            binding_request(f"{number:08x}", "not the password"),  # no DTLS, but the browser's checks need the way, too
        )[number % 6]

    with Forger(network.attacker) as forger:
        async with trial.talking(*calls) as heard:
            await at_rate(
                lambda number: forger.send(forged(number), hit.browser.address, hit.relay_browser), RATE, SECONDS
            )
            await hit.browser.check()
            await trial.release(await trial.call("new"))
    assert heard.is_whole
    assert trial.relay.events.empty()
