"""What is concluded from silence, and when nothing is."""

from sip_agent.ownership.hearing import UNHEARD_FOR, Hearing


def test_one_who_does_not_hear_itself_concludes_nothing() -> None:
    hearing = Hearing()
    hearing.hear(10.0)
    assert hearing.is_good(10.5)
    assert not hearing.is_good(11.5)


def test_after_deafness_the_others_get_time_to_be_heard() -> None:
    hearing = Hearing()
    hearing.hear(10.0)
    assert not hearing.is_good(20.0)
    hearing.hear(20.1)
    assert not hearing.is_good(20.2)
    hearing.hear(20.0 + UNHEARD_FOR)
    assert hearing.is_good(20.0 + UNHEARD_FOR)
