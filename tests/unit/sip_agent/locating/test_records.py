"""The order of SRV records, against RFC 2782."""

from collections import Counter
from random import Random

from sip_agent.core.locating.records import Srv, by_priority

LIGHT, HEAVY, ZERO = Srv(1, 1, 5060, "light"), Srv(1, 3, 5060, "heavy"), Srv(1, 0, 5060, "zero")


def test_a_lower_priority_comes_first_whatever_the_lot() -> None:
    last = Srv(2, 100, 5060, "last")
    for chance in (0.0, 0.5, 0.999):
        assert by_priority([last, LIGHT, HEAVY], lambda chance=chance: chance)[-1] == last  # type: ignore[misc]


def test_the_lot_goes_by_weight() -> None:
    chance = Random(1).random
    first = Counter(by_priority([LIGHT, HEAVY], chance)[0].target for _ in range(4000))
    assert 2850 < first["heavy"] < 3150


def test_each_server_comes_once() -> None:
    chance = Random(2).random
    for _ in range(100):
        assert sorted(by_priority([LIGHT, HEAVY, ZERO], chance)) == [ZERO, LIGHT, HEAVY]


def test_weight_zero_is_almost_never_first_beside_others() -> None:
    assert by_priority([HEAVY, ZERO], lambda: 0.0)[0] == ZERO
    assert by_priority([HEAVY, ZERO], lambda: 0.01)[0] == HEAVY


def test_a_single_dot_says_that_there_is_no_service() -> None:
    assert by_priority([Srv(1, 0, 5060, ".")], lambda: 0.5) == []
