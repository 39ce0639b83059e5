"""Alarms of many sessions."""

from media_relay.core.alarms import Alarms


def test_those_whose_time_has_come_are_woken_once() -> None:
    alarms = Alarms()
    alarms.set(1, 5.0)
    alarms.set(2, 3.0)
    alarms.set(3, 9.0)
    assert alarms.next() == 3.0
    assert alarms.due(2.9) == []
    assert alarms.due(5.0) == [2, 1]
    assert alarms.due(5.0) == []
    assert alarms.next() == 9.0


def test_the_earlier_of_two_times_stands() -> None:
    alarms = Alarms()
    alarms.set(1, 5.0)
    alarms.set(1, 7.0)  # found too early, and set again
    alarms.set(2, 8.0)
    alarms.set(2, 4.0)
    assert alarms.due(4.0) == [2]
    assert alarms.due(8.0) == [1]
    assert alarms.next() is None


def test_one_that_is_forgotten_is_not_woken() -> None:
    alarms = Alarms()
    alarms.set(1, 5.0)
    alarms.forget(1)
    alarms.forget(2)
    assert alarms.next() is None
    assert alarms.due(6.0) == []
    alarms.set(1, 7.0)
    assert alarms.due(7.0) == [1]
