"""Places that failed lately."""

from sip_agent.core.events import Flow
from sip_agent.core.locating.places import Places, Unreachable

ONE, TWO, THREE = (Flow("udp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))


def test_a_place_that_failed_is_tried_last_for_its_time() -> None:
    unreachable = Unreachable(10)
    unreachable.note(ONE, until=60.0)
    assert unreachable.last([ONE, TWO, THREE], 59.0) == [TWO, THREE, ONE]
    assert unreachable.last([ONE, TWO, THREE], 60.0) == [ONE, TWO, THREE]


def test_a_place_that_answers_is_no_longer_avoided() -> None:
    unreachable = Unreachable(10)
    unreachable.note(ONE, until=60.0)
    unreachable.answers(ONE)
    assert not unreachable.holds(ONE, 0.0) and len(unreachable) == 0


def test_where_all_failed_the_order_stays() -> None:
    unreachable = Unreachable(10)
    for flow in (TWO, ONE):
        unreachable.note(flow, until=60.0)
    assert unreachable.last([ONE, TWO], 0.0) == [ONE, TWO]


def test_the_table_is_bounded() -> None:
    unreachable = Unreachable(2)
    for flow in (ONE, TWO, THREE):
        unreachable.note(flow, until=60.0)
    assert [unreachable.holds(flow, 0.0) for flow in (ONE, TWO, THREE)] == [False, True, True]


def test_an_address_is_included_by_whatever_transport() -> None:
    places = Places((ONE, TWO))
    assert places.includes(ONE._replace(transport="tcp"))
    assert not places.includes(ONE._replace(port=5061)) and not places.includes(THREE)
