"""Signs of life, against RFC 5626 §4.4."""

import pytest

from sip_agent.core.events import Flow, SendMessage
from sip_agent.core.keep_alive import PAUSE, PONG_WITHIN, FlowLost, KeepAlive

TCP = Flow("tcp", "192.0.2.1", 5060)
UDP = Flow("udp", "192.0.2.1", 5060)
PING = SendMessage(b"\r\n\r\n", TCP)


def kept(flow: Flow = TCP, udp_pause: float = 25.0, chance: float = 0.0) -> KeepAlive:
    core = KeepAlive(udp_pause, lambda: chance)
    core.keep(flow, 0.0)
    return core


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 120.0), (1.0, 96.0)])
def test_a_silent_connection_is_pinged_after_80_to_100_per_cent_of_120_s(chance: float, pause: float) -> None:
    core = kept(chance=chance)
    assert core.next_timer() == pause
    core.handle_timer(pause)
    assert core.take_output() == [PING]


def test_a_connection_that_answers_nothing_in_10_s_is_lost() -> None:
    core = kept()
    core.handle_timer(PAUSE)
    core.take_output()
    assert core.next_timer() == PAUSE + PONG_WITHIN
    core.handle_timer(PAUSE + PONG_WITHIN)
    assert core.take_output() == [FlowLost(TCP)]
    assert core.next_timer() is None


def test_whatever_comes_is_a_sign_of_life() -> None:
    core = kept()
    core.handle_timer(PAUSE)
    core.hear(TCP, PAUSE + 1)
    core.take_output()
    core.handle_timer(PAUSE + PONG_WITHIN)
    assert core.take_output() == []
    assert core.next_timer() == PAUSE + 1 + PAUSE


def test_a_connection_in_use_is_not_pinged() -> None:
    core = kept()
    core.hear(TCP, 100.0)
    core.handle_timer(PAUSE)
    assert core.take_output() == [] and core.next_timer() == 100.0 + PAUSE


def test_udp_gets_a_line_break_again_and_again_and_owes_no_answer() -> None:
    core = kept(UDP)
    for at in (25.0, 50.0, 75.0):
        assert core.next_timer() == at
        core.handle_timer(at)
        assert core.take_output() == [SendMessage(b"\r\n", UDP)]


def test_udp_without_a_pause_gets_nothing() -> None:
    assert kept(UDP, udp_pause=0.0).next_timer() is None


def test_a_flow_that_is_released_is_left_alone_also_when_it_was_kept_twice() -> None:
    core = kept()
    core.keep(TCP, 5.0)
    core.release(TCP)
    assert core.next_timer() is None
    core.keep(TCP, 7.0)
    assert core.next_timer() == 7.0 + PAUSE
