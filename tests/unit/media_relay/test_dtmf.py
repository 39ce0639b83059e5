"""Which packets a digit is, and which digits packets are, by a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.dtmf import BeginEvent, Digit, DigitReceiver, DigitSender, EndEvent, SendEvent
from media_relay.core.packet import telephone_event
from media_relay.core.packet.rtp import RtpHeader
from media_relay.core.packet.telephone_event import TelephoneEvent
from shared.errors import RemoteError


def play(sender: DigitSender, until: float = 100.0) -> list[tuple[int, str]]:
    """Let the clock run; return when what was done, in milliseconds, as `2`, `2!` with the end bit, `[` and `]`."""
    done = [(0, _written(output)) for output in sender.take_output()]
    while (timer := sender.next_timer()) is not None and timer <= until:
        sender.handle_timer(timer)
        done += [(round(1000 * timer), _written(output)) for output in sender.take_output()]
    return done


def _written(output: object) -> str:
    match output:
        case BeginEvent():
            return "["
        case EndEvent():
            return "]"
        case SendEvent(payload, marker, later):
            event = telephone_event.parse(payload)
            assert event is not None
            marks = ("^" if marker else "") + (f"+{later}" if later else "") + ("!" if event.is_end else "")
            return f"{telephone_event.DIGITS[event.code]}:{event.duration}{marks}"
    raise AssertionError(output)


def test_a_digit_is_packets_of_growing_duration_and_three_ends() -> None:
    sender = DigitSender()
    sender.send("2", 100, 70, 0.0)
    assert play(sender) == [
        (0, "["),
        (0, "2:160^"),
        (20, "2:320"),
        (40, "2:480"),
        (60, "2:640"),
        (80, "2:800!"),
        (100, "2:800!"),
        (120, "2:800!"),
        (120, "]"),
    ]


@pytest.mark.parametrize(
    ("duration_ms", "clock_rate", "durations"),
    [
        (40, 8000, ["160^", "320!", "320!", "320!"]),
        (1, 8000, ["160^", "320!", "320!", "320!"]),  # no receiver takes less for a digit
        (50, 8000, ["160^", "320", "400!", "400!", "400!"]),
        (60, 48000, ["960^", "1920", "2880!", "2880!", "2880!"]),
    ],
)
def test_a_duration_is_said_in_the_clock_of_the_events(duration_ms: int, clock_rate: int, durations: list[str]) -> None:
    sender = DigitSender()
    sender.clock_rate = clock_rate
    sender.send("#", duration_ms, 70, 0.0)
    assert [what for _, what in play(sender)] == ["[", *[f"#:{duration}" for duration in durations], "]"]


def test_a_digit_that_is_longer_than_a_duration_goes_on_in_another_segment() -> None:
    sender = DigitSender()
    sender.clock_rate = 48000
    sender.send("D", 1400, 70, 0.0)
    packets = [what for _, what in play(sender)][1:-1]
    assert len(packets) == 72
    assert packets[0] == "D:960^"
    assert packets[67:] == ["D:65280", "D:960+65280", "D:1920+65280!", "D:1920+65280!", "D:1920+65280!"]


def test_digits_wait_for_each_other_and_keep_their_gap() -> None:
    sender = DigitSender()
    sender.send("1a", 40, 100, 0.0)
    sender.send("3", 40, 10, 0.0)
    begun = [(at, what) for at, what in play(sender) if "^" in what or what in "[]"]
    assert begun == [
        (0, "["),
        (0, "1:160^"),
        (60, "]"),
        (140, "["),
        (140, "A:160^"),
        (200, "]"),
        (280, "["),
        (280, "3:160^"),
        (340, "]"),
    ]
    sender.send("4", 40, 70, 0.35)  # the gap behind 3 is 60 ms, whatever was asked for
    assert [what for _, what in play(sender, 0.379)] == []
    assert play(sender)[:2] == [(380, "["), (380, "4:160^")]


def test_a_comma_is_a_pause_of_two_seconds() -> None:
    sender = DigitSender()
    sender.send("1,2", 40, 60, 0.0)
    assert [at for at, what in play(sender) if what == "["] == [0, 2100]


@pytest.mark.parametrize(("digits", "status"), [("", 400), ("1x", 400), ("E", 400), ("12 3", 400), ("1" * 65, 486)])
def test_what_cannot_be_sent_is_refused_whole(digits: str, status: int) -> None:
    sender = DigitSender()
    with pytest.raises(RemoteError) as refused:
        sender.send(digits, 100, 70, 0.0)
    assert refused.value.status == status
    assert play(sender) == []


def test_stopping_gives_the_media_its_place_back() -> None:
    sender = DigitSender()
    sender.send("12", 100, 70, 0.0)
    assert [what for _, what in play(sender, 0.03)] == ["[", "1:160^", "1:320"]
    sender.stop()
    assert [type(output) for output in sender.take_output()] == [EndEvent]
    assert sender.next_timer() is None
    sender.stop()
    assert sender.take_output() == []


def test_a_late_timer_sends_what_is_due() -> None:
    sender = DigitSender()
    sender.send("1", 40, 60, 0.0)
    sender.take_output()
    sender.handle_timer(10.0)
    assert [_written(output) for output in sender.take_output()] == ["1:320!", "1:320!", "1:320!", "]"]


class Line:
    """Packets with their times; what the receiver tells."""

    def __init__(self) -> None:
        self.receiver = DigitReceiver()
        self.now = 0.0

    def take(self, *packets: str, clock_rate: int = 8000, ssrc: int = 0xB1) -> list[Digit]:
        """Each packet is `timestamp digit:duration`, with `^` for the marker and `!` for the end, each 20 ms later."""
        for packet in packets:
            timestamp, _, rest = packet.partition(" ")
            code, _, duration = rest.partition(":")
            number = int(code[1:]) if code.startswith("e") else telephone_event.DIGITS.index(code)
            event = TelephoneEvent(number, "!" in duration, int(duration.strip("^!")))
            header = RtpHeader(101, 0, ssrc, int(timestamp) & 0xFFFFFFFF, 12)
            self.receiver.receive(header, "^" in duration, event, clock_rate, self.now)
            self.now += 0.02
        return self.receiver.take_output()

    def wait(self, seconds: float) -> list[Digit]:
        self.now += seconds
        self.receiver.handle_timer(self.now)
        return self.receiver.take_output()


@pytest.mark.parametrize(
    "packets",
    [
        ["1000 5:160^", "1000 5:320", "1000 5:800!", "1000 5:800!", "1000 5:800!"],
        ["1000 5:800!", "1000 5:800!", "1000 5:800!"],  # a browser's, or what is left of a lossy link
        ["1000 5:800!"],
        ["1000 5:320", "1000 5:800!", "1000 5:160^"],  # out of order
        ["1000 5:800!", "1000 5:160^", "1000 5:320"],
        ["-7 5:160^", "-7 5:800!"],
    ],
)
def test_a_digit_is_told_once_whatever_comes_of_it(packets: list[str]) -> None:
    line = Line()
    assert line.take(*packets) == [Digit("5", 100)]
    assert line.wait(10) == []


def test_a_digit_whose_end_is_lost_is_told_after_a_silence() -> None:
    line = Line()
    assert line.take("1000 9:160^", "1000 9:320", "1000 9:480") == []
    assert line.wait(0.1) == []
    assert line.wait(0.1) == [Digit("9", 60)]
    assert line.take("1000 9:640!") == []  # it was on a long way


def test_the_next_digit_ends_one_whose_end_is_lost() -> None:
    line = Line()
    assert line.take("1000 1:160^", "3000 1:160^", "3000 1:320!") == [Digit("1", 20), Digit("1", 40)]


def test_equal_digits_are_told_apart_by_their_timestamps() -> None:
    assert Line().take("1000 1:800!", "1000 1:800!", "2600 1:800!", "2600 1:800!") == [Digit("1", 100)] * 2


def test_equal_digits_are_told_apart_though_their_first_and_last_packets_are_lost() -> None:
    line = Line()
    assert line.take("1000 1:320", "2280 1:320") == [Digit("1", 40)]
    assert line.wait(1) == [Digit("1", 40)]


def test_a_late_packet_of_the_digit_before_is_no_digit() -> None:
    assert Line().take("1000 1:800!", "3000 2:160^", "1000 1:800!", "3000 2:800!") == [Digit("1", 100), Digit("2", 100)]


def test_another_source_begins_anew_at_any_timestamp() -> None:
    line = Line()
    assert line.take("900000 1:800!") == [Digit("1", 100)]
    assert line.take("5 1:800!", ssrc=0xB2) == [Digit("1", 100)]


def test_timestamps_that_jump_back_after_a_while_are_believed() -> None:
    line = Line()
    line.take("900000 1:800!")
    line.wait(1)
    assert line.take("5 1:800!") == [Digit("1", 100)]


def test_segments_are_one_digit() -> None:
    line = Line()
    packets = ["0 0:960^", "0 0:64320", "65280 0:960", "65280 0:1920", "130560 0:960!"]
    assert line.take(*packets, clock_rate=48000) == [Digit("0", 2740)]


def test_what_is_no_digit_is_not_told() -> None:
    line = Line()
    assert line.take("1000 e16:800!", "2000 e36:800!", "2000 e255:800!", "3000 5:0^", "3000 5:0!") == []
    assert line.wait(1) == []


def test_more_digits_than_a_thumb_makes_are_not_told() -> None:
    line = Line()
    told = line.take(*[f"{1000 * place} 1:400!" for place in range(100)])
    assert 50 <= len(told) <= 70  # two seconds of 20 each, and what may come at once


@given(
    st.text("0123456789*#ABCD", min_size=1, max_size=5),
    st.integers(40, 3000),
    st.sampled_from([8000, 48000]),
    st.data(),
)
def test_what_was_dialled_is_told_if_one_packet_of_each_digit_arrives(
    dialled: str, duration_ms: int, clock_rate: int, data: st.DataObject
) -> None:
    """Whatever else is lost, and whatever comes twice or out of order within a digit."""
    sender, receiver = DigitSender(), DigitReceiver()
    sender.clock_rate = clock_rate
    sender.send(dialled, duration_ms, 60, 0.0)
    told: list[Digit] = []
    began, on_the_way = 0.0, list[SendEvent]()
    while (now := sender.next_timer()) is not None:
        sender.handle_timer(now)
        for output in sender.take_output():
            match output:
                case BeginEvent():
                    began, on_the_way = now, []
                case SendEvent():
                    on_the_way.append(output)
                case EndEvent():
                    arrived = data.draw(st.lists(st.sampled_from(_last_segment(on_the_way)), min_size=1, max_size=12))
                    for packet in arrived:
                        event = telephone_event.parse(packet.payload)
                        assert event is not None
                        timestamp = int(began * clock_rate) + packet.later
                        receiver.receive(RtpHeader(101, 0, 1, timestamp, 12), packet.marker, event, clock_rate, now)
                    told += receiver.take_output()
    receiver.handle_timer(1e6)
    told += receiver.take_output()
    assert "".join(digit.digit for digit in told) == dialled


def _last_segment(packets: list[SendEvent]) -> list[SendEvent]:
    """Packets of one timestamp, of which any may come first: those of an earlier one are not waited for."""
    return [packet for packet in packets if packet.later == packets[-1].later]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 160, 65535, 70000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]),
            st.sampled_from([1, 2]),
            st.integers(0, 17),
            st.booleans(),
            st.sampled_from([0, 1, 160, 65535]),
            st.booleans(),
            st.floats(0, 3),
        )
    )
)
def test_any_packets_tell_at_most_one_digit_each(packets: list[tuple[int, int, int, bool, int, bool, float]]) -> None:
    receiver, now = DigitReceiver(), 0.0
    for timestamp, ssrc, code, is_end, duration, marker, wait in packets:
        now += wait
        receiver.handle_timer(now)
        event = TelephoneEvent(code, is_end, duration)
        receiver.receive(RtpHeader(101, 0, ssrc, timestamp, 12), marker, event, 8000, now)
    receiver.handle_timer(now + 10)
    assert len(receiver.take_output()) <= len(packets)
    assert receiver.next_timer() is None
