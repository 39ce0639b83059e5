"""Ports and descriptors: a range that others use too is used whole, and nothing is left behind (rtpengine#2164)."""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.network import RELAY_HOST
from tests.support.trial import Trial
from tests.trials.conftest import StartTrial

from media_relay.core.description.sdp import parse
from shared.errors import RemoteError

FIRST, LAST = 24000, 24079
PAIRS = (LAST + 1 - FIRST) // 2
BUSY_ODD, BUSY_EVEN = 24011, 24020
ROUNDS = 3
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")  # of the network namespace that reads it


def let_kernel_give_away(first: int, last: int) -> None:
    """To sockets that name no port."""
    EPHEMERAL.write_text(f"{first} {last}")


@contextlib.contextmanager
def bound(*ports: int) -> Iterator[list[int]]:
    """Hold ports of the relay's host; 0 is one that the kernel chooses."""
    with contextlib.ExitStack() as stack:
        held = []
        for port in ports:
            taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            taken.bind((RELAY_HOST, port))
            held.append(taken.getsockname()[1])
        yield held


async def allocate_all(trial: Trial, turn: int) -> list[int]:
    """Allocate until there are no ports, release all, return the ports."""
    ports: list[int] = []
    with pytest.raises(RemoteError, match="503"):
        while True:
            allocated = await trial.relay.allocate(f"{turn}-{len(ports)}", browser_sdp=trial.audio_offer)
            assert allocated.sip_sdp is not None
            ports.append(parse(allocated.sip_sdp).media[0].port)
    for number in range(len(ports)):
        await trial.relay.release(f"{turn}-{number}")
    return ports


async def test_a_range_with_busy_ports_that_the_kernel_gives_away_too_is_used_whole_and_leaks_nothing(
    start_trial: StartTrial,
) -> None:
    let_kernel_give_away(FIRST, LAST + 200)
    trial = await start_trial(RELAY_RTP_MIN=FIRST, RELAY_RTP_MAX=LAST, RELAY_BROWSER_PORT=10000)
    assert re.search("overlap", trial.relay.process.log)
    with bound(BUSY_ODD, BUSY_EVEN, *[0] * 40) as busy:
        free = {port for port in range(FIRST, LAST, 2) if not {port, port + 1} & set(busy)}
        assert 0 < len(free) < PAIRS
        before = None
        for turn in range(ROUNDS):
            assert set(await allocate_all(trial, turn)) == free
            after = trial.descriptors()
            assert before in (None, after)
            before = after
    assert set(await allocate_all(trial, ROUNDS)) == set(range(FIRST, LAST, 2))
    assert trial.descriptors() == before
    assert (await trial.relay.metric("ports_used"), await trial.relay.metric("ports_free")) == (0, PAIRS)
