"""Whose connection it is, and who gives way where room is short."""

import pytest

from signaling.core.hosts import HalfOpen, Proxies, Shares, host_of


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # no proxy of ours: what it says is its own
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),  # the first was said by the client
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 10.0.0.3"], "10.0.0.3"),
    ],
)
def test_the_client_behind_proxies(peer: str, forwarded: list[str], client: str) -> None:
    assert Proxies(["10.0.0.0/8"]).client(peer, forwarded) == client


def test_a_share_is_used_up_by_one_host_and_by_all() -> None:
    shares = Shares(most=3, most_of_host=2)
    shares.take("a")
    shares.take("a")
    assert shares.is_used_up_by("a") and not shares.is_used_up_by("b") and not shares.is_used_up
    shares.take("b")
    assert shares.is_used_up and len(shares) == 3
    shares.give_back("a")
    assert not shares.is_used_up_by("a") and not shares.is_used_up


def test_of_a_host_that_has_its_share_the_oldest_goes() -> None:
    half_open = HalfOpen[int](most=10, most_of_host=2)
    assert [half_open.add(number, "a") for number in (1, 2)] == [None, None]
    assert half_open.add(3, "b") is None
    assert half_open.add(4, "a") == 1
    assert half_open.add(5, "a") == 2
    assert len(half_open) == 3


def test_where_there_is_no_room_at_all_the_oldest_goes_and_who_has_spoken_is_out_of_it() -> None:
    half_open = HalfOpen[int](most=3, most_of_host=3)
    for number in (1, 2, 3):
        assert half_open.add(number, f"host {number}") is None
    half_open.remove(1)
    half_open.remove(1)
    assert half_open.add(4, "host 4") is None
    assert half_open.add(5, "host 5") == 2


def test_connections_of_proxies_have_no_share() -> None:
    half_open = HalfOpen[int](most=5, most_of_host=1)
    assert [half_open.add(number, "") for number in range(5)] == [None] * 5
    assert half_open.add(5, "") == 0
