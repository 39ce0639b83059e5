"""Binding port pairs: all or none."""

import errno
import socket

import pytest

from media_relay import sockets
from media_relay.core.plan import Address
from media_relay.core.ports import PortPool
from media_relay.sip_ports import SipPorts
from shared.errors import RemoteError


class FakeSocket:
    """Knows whether it is open."""

    def __init__(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class Kernel:
    """Binds pairs, but not those in `taken`."""

    def __init__(self, taken: dict[int, int]) -> None:
        self.taken = taken
        self.made: list[FakeSocket] = []

    def bind_pair(self, _: str, port: int) -> tuple[FakeSocket, FakeSocket]:
        if port in self.taken:
            raise OSError(self.taken[port], "cannot")
        pair = FakeSocket(), FakeSocket()
        self.made += pair
        return pair


def ports_of(monkeypatch: pytest.MonkeyPatch, even: list[int], taken: dict[int, int]) -> tuple[SipPorts, Kernel]:
    kernel = Kernel(taken)
    monkeypatch.setattr(sockets, "bind_pair", kernel.bind_pair)
    return SipPorts("127.0.0.1", PortPool(even, 5.0)), kernel


def test_taken_pairs_are_passed_over_and_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    ports, _ = ports_of(monkeypatch, [10, 12, 14, 16], {10: errno.EADDRINUSE, 14: errno.EACCES})
    assert list(ports.bind(2, 0.0)) == [12, 16]
    assert ports.use(0.0) == (2, 0, 2)


def test_if_one_pair_is_missing_all_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ports, kernel = ports_of(monkeypatch, [10, 12], {12: errno.EADDRINUSE})
    with pytest.raises(RemoteError) as refused:
        ports.bind(2, 0.0)
    assert refused.value.status == 503
    assert ports.use(0.0) == (0, 0, 2)
    assert [made.is_open for made in kernel.made] == [False, False]


def test_out_of_descriptors_no_other_port_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    ports, _ = ports_of(monkeypatch, [10, 12], {10: errno.EMFILE})
    with pytest.raises(RemoteError):
        ports.bind(1, 0.0)
    assert ports.use(0.0) == (0, 1, 1)


def test_a_pair_comes_with_the_peers_of_its_last_session(monkeypatch: pytest.MonkeyPatch) -> None:
    ports, _ = ports_of(monkeypatch, [10], {})
    stray = frozenset({Address("192.0.2.1", 4000)})
    ports.bind(1, 0.0)
    ports.release(10, 0.0, stray)
    assert ports.bind(1, 5.0)[10].barred == stray


def test_a_real_pair_is_bound_together_or_not_at_all() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as odd:
        odd.bind(("127.0.0.1", 42201))
        with pytest.raises(OSError, match="in use"):
            sockets.bind_pair("127.0.0.1", 42200)
    rtp, rtcp = sockets.bind_pair("127.0.0.1", 42200)
    assert (rtp.getsockname()[1], rtcp.getsockname()[1]) == (42200, 42201)
    assert not rtp.getblocking()
    rtp.close()
    rtcp.close()
