"""The values of RFC 3261 table 4."""

from sip_agent.core.transaction.timers import Timers


def test_the_defaults_over_udp() -> None:
    timers = Timers()
    assert (timers.a, timers.e, timers.g) == (0.5, 0.5, 0.5)
    assert (timers.b, timers.f, timers.h, timers.l, timers.m) == (32, 32, 32, 32, 32)
    assert (timers.d(False), timers.i(False), timers.j(False), timers.k(False)) == (32, 5, 32, 5)


def test_timers_that_wait_for_stragglers_are_zero_over_tcp() -> None:
    timers = Timers()
    assert (timers.d(True), timers.i(True), timers.j(True), timers.k(True)) == (0, 0, 0, 0)


def test_all_follow_t1() -> None:
    timers = Timers(t1=0.1)
    assert (timers.a, timers.b, timers.j(False)) == (0.1, 6.4, 6.4)
