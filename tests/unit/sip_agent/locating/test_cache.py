"""Answers kept for their time."""

from sip_agent.core.locating.cache import AnswerCache
from sip_agent.core.locating.records import Question

ONE, TWO, THREE = (Question("ADDRESS", name) for name in ("one.test", "two.test", "three.test"))


def test_an_answer_is_good_until_its_time_even_an_empty_one() -> None:
    cache = AnswerCache(10)
    cache.keep(ONE, ["192.0.2.1"], until=10.0)
    cache.keep(TWO, [], until=5.0)
    assert (cache.find(ONE, 9.9), cache.find(TWO, 4.9), cache.find(THREE, 0.0)) == (["192.0.2.1"], [], None)
    assert (cache.find(ONE, 10.0), cache.find(TWO, 5.0)) == (None, None)


def test_the_oldest_answer_goes_where_there_are_too_many() -> None:
    cache = AnswerCache(2)
    for question in (ONE, TWO, ONE, THREE):
        cache.keep(question, ["192.0.2.1"], until=10.0)
    assert len(cache) == 2
    assert cache.find(TWO, 0.0) is None and cache.find(ONE, 0.0) is not None
