"""The pool of RTP port pairs."""

from media_relay.core.plan import Address
from media_relay.core.ports import PortPool, even_ports


def test_only_even_ports_whose_pair_lies_in_the_range_are_used() -> None:
    assert list(even_ports(10001, 10006)) == [10002, 10004]
    assert list(even_ports(10000, 10001)) == [10000]
    assert list(even_ports(10001, 10002)) == []


def test_a_freed_port_rests_and_then_comes_after_those_free_for_longer() -> None:
    pool = PortPool([10, 12, 14], quarantine_seconds=5.0)
    assert pool.acquire(0.0) == 10
    pool.release(10, 1.0)
    assert pool.use(5.9) == (0, 2, 1)
    assert pool.use(6.0) == (0, 3, 0)
    assert [pool.acquire(6.0) for _ in range(4)] == [12, 14, 10, None]


def test_all_used_or_resting_is_exhausted() -> None:
    pool = PortPool([10], quarantine_seconds=5.0)
    pool.acquire(0.0)
    assert pool.acquire(0.0) is None
    pool.release(10, 0.0)
    assert pool.acquire(4.9) is None
    assert pool.acquire(5.0) == 10


def test_the_peers_of_the_last_session_are_remembered() -> None:
    pool = PortPool([10], quarantine_seconds=0.0)
    assert pool.strays(10) == frozenset()
    pool.acquire(0.0)
    pool.release(10, 0.0, frozenset({Address("192.0.2.1", 4000)}))
    assert pool.strays(10) == {Address("192.0.2.1", 4000)}
