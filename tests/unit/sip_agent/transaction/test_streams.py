"""Connections whose messages do not come to an end."""

from tests.support.sip_messages import TCP, make_request

from sip_agent.core.syntax.parser import KeepAlive
from sip_agent.core.transaction.streams import Streams

MESSAGE = make_request("OPTIONS").to_bytes()
OTHER = TCP._replace(port=5062)


def test_a_message_that_has_begun_has_32_s_however_slowly_it_comes() -> None:
    streams = Streams(32.0)
    for second in range(31):
        streams.feed(MESSAGE[second : second + 1], TCP, float(second))
    assert streams.next_timer() == 32.0
    assert streams.take_late(31.9) == []
    assert streams.take_late(32.0) == [TCP]
    assert streams.next_timer() is None


def test_each_message_has_its_own_time() -> None:
    streams = Streams(32.0)
    streams.feed(MESSAGE[:9], TCP, 0.0)
    received, is_broken = streams.feed(MESSAGE[9:] + MESSAGE[:9], TCP, 30.0)
    assert len(received) == 1 and not is_broken
    assert streams.next_timer() == 62.0


def test_silence_between_messages_may_last() -> None:
    streams = Streams(32.0)
    streams.feed(MESSAGE, TCP, 0.0)
    # The answer to our ping is a single line break, which nothing has to follow.
    streams.feed(b"\r\n", TCP, 1.0)
    assert streams.next_timer() is None
    assert streams.feed(b"\r\n\r\n", TCP, 2.0)[0] == [KeepAlive.PING]


def test_one_slow_connection_is_not_anothers_fault() -> None:
    streams = Streams(32.0)
    streams.feed(MESSAGE[:9], TCP, 0.0)
    streams.feed(MESSAGE[:9], OTHER, 10.0)
    assert streams.take_late(40.0) == [TCP]
    assert streams.next_timer() == 42.0


def test_a_connection_that_is_gone_is_not_late() -> None:
    streams = Streams(32.0)
    streams.feed(MESSAGE[:9], TCP, 0.0)
    streams.forget(TCP)
    assert streams.next_timer() is None
