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


def test_a_search_that_finds_the_same_leaves_the_order() -> None:
    before = Places((ONE, TWO))
    assert Places((TWO, ONE)).as_before(before) == before
    for found in (Places((TWO, THREE)), Places((TWO,))):
        assert found.as_before(before) == found
    assert before.as_before(None) == before


def test_a_place_may_be_put_first_if_it_is_one_of_them() -> None:
    assert Places((ONE, TWO, THREE)).first(TWO).flows == (TWO, ONE, THREE)
    assert Places((ONE, TWO)).first(THREE).flows == (ONE, TWO)


def test_a_connection_of_the_same_host_comes_before_a_new_one() -> None:
    place, connection = (Flow("tls", "192.0.2.1", port, name) for port, name in ((5061, "192.0.2.1"), (40000, "")))
    places = Places((place,))
    assert places.over([connection]).flows == (connection, place)
    assert places.over([connection._replace(transport="tcp")]).flows == (place,)
    assert places.over([connection._replace(host="192.0.2.9")]).flows == (place,)


def test_an_address_is_included_by_whatever_transport() -> None:
    places = Places((ONE, TWO))
    assert places.includes(ONE._replace(transport="tcp"))
    assert not places.includes(ONE._replace(port=5061)) and not places.includes(THREE)
