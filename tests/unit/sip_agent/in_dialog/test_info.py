"""INFO: digits one after the other, and what may come in."""

import pytest
from tests.support.sip_calls import make_identity, make_in_dialog, make_reply, request_of, told

from sip_agent.core.call.outputs import ActionFailed, CallOutput, DigitReceived, WantKeyframe
from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.errors import SipError
from sip_agent.core.in_dialog.dialog_requests import DialogRequests
from sip_agent.core.in_dialog.info import BURST, MAX_DIGITS, DtmfSender, InfoReceiver
from sip_agent.core.in_dialog.own_requests import OwnRequests
from sip_agent.core.syntax.message import Request

PICTURE = b"""<?xml version="1.0" encoding="utf-8" ?>
<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"""


class Side:
    """A dialog that sends digits."""

    def __init__(self) -> None:
        self.dialog: Dialog | None = Dialog(
            call_id="call",
            local_tag="ours",
            remote_tag="far",
            local="<sip:alice@example.com>",
            remote="<sip:bob@example.com>",
            local_cseq=1,
            remote_cseq=None,
            remote_target="sip:bob@192.0.2.7:5070",
        )
        self.out: list[CallOutput] = []
        self.gone: list[int] = []
        identity = make_identity()
        self.requests = DialogRequests(self, identity, self.out, lambda outcome, _: self.gone.append(outcome.status))
        self.dtmf = DtmfSender(self.out, OwnRequests(self.requests))

    def answer(self, number: int, status: int) -> Request:
        """Answer the INFO that is out; return it."""
        request = request_of(self.out)
        self.out.clear()
        self.requests.receive_response(f"own {number}", make_reply(request, status), 1.0)
        return request


def info(kind: str | None, body: bytes = b"", *fields: tuple[str, str]) -> Request:
    made = make_in_dialog("INFO", 9, "call", "far", "ours", headers=fields)
    if kind is not None:
        made.headers.add("Content-Type", kind)
    made.body = body
    return made


def test_each_digit_waits_for_the_answer_to_the_one_before() -> None:
    side = Side()
    side.dtmf.send("1a", 250)
    side.dtmf.send("#", 100)
    sent = [side.answer(number, 200) for number in (1, 2, 3)]
    assert [request.body for request in sent] == [
        b"Signal=1\r\nDuration=250\r\n",
        b"Signal=A\r\nDuration=250\r\n",
        b"Signal=#\r\nDuration=100\r\n",
    ]
    assert {request.content_type for request in sent} == {"application/dtmf-relay"}
    assert side.out == []


def test_a_comma_is_a_pause_of_two_seconds() -> None:
    side = Side()
    side.dtmf.send("1,2", 100)
    side.answer(1, 200)
    assert (side.out, side.dtmf.next_timer()) == ([], 0.0)
    side.dtmf.handle_timer(10.0)
    side.dtmf.send("3", 100)  # waits as well
    assert (side.out, side.dtmf.next_timer()) == ([], 12.0)
    side.dtmf.handle_timer(11.9)
    assert side.out == []
    side.dtmf.handle_timer(12.0)
    assert side.answer(2, 200).body.startswith(b"Signal=2")
    assert side.answer(3, 200).body.startswith(b"Signal=3")
    assert side.dtmf.next_timer() is None


def test_nothing_is_sent_behind_a_pause_in_which_the_call_ended() -> None:
    side = Side()
    side.dtmf.send(",1", 100)
    side.dtmf.handle_timer(10.0)
    side.dtmf.stop()
    assert side.dtmf.next_timer() is None
    side.dtmf.handle_timer(12.0)
    assert side.out == []


def test_a_digit_that_fails_drops_those_after_it_and_no_later_ones() -> None:
    side = Side()
    side.dtmf.send("123", 100)
    side.answer(1, 415)
    assert side.out == [ActionFailed("dtmf", 415, "Unsupported Media Type")]
    side.out.clear()
    side.dtmf.send("4", 100)
    assert request_of(side.out).body.startswith(b"Signal=4")


def test_a_call_that_is_gone_is_known_by_its_digits() -> None:
    side = Side()
    side.dtmf.send("1", 100)
    side.answer(1, 481)
    assert side.gone == [481]


@pytest.mark.parametrize(
    ("digits", "duration"), [("", 100), ("1 2", 100), ("x", 100), ("1\r\n", 100), ("1", 0), ("1", 10**6)]
)
def test_what_is_no_digit_is_not_sent(digits: str, duration: int) -> None:
    side = Side()
    with pytest.raises(SipError, match="400"):
        side.dtmf.send(digits, duration)
    assert side.out == []


def test_digits_without_end_are_refused() -> None:
    side = Side()
    side.dtmf.send("1", 100)
    side.dtmf.send("2" * MAX_DIGITS, 100)
    with pytest.raises(SipError, match="486"):
        side.dtmf.send("3", 100)


@pytest.mark.parametrize(
    ("kind", "body", "digit", "duration"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5", 160),
        ("application/dtmf-relay", b"Signal= *\nDuration= 80", "*", 80),
        ("application/dtmf-relay; charset=utf-8", b"signal=d", "D", 0),
        ("application/dtmf-relay", b"Signal=11\r\n", "#", 0),
        ("application/dtmf-relay", b"Signal=1\r\nDuration=999999\r\n", "1", 8000),
        ("application/dtmf", b"7", "7", 0),
        ("application/dtmf", b" 10\r\n", "*", 0),
    ],
)
def test_a_digit_is_told(kind: str, body: bytes, digit: str, duration: int) -> None:
    out: list[CallOutput] = []
    assert InfoReceiver(out).receive(info(kind, body), 0.0).status == 200
    assert out == [DigitReceived(digit, duration)]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/dtmf-relay", b"Duration=160\r\n"),
        ("application/dtmf-relay", b"Signal=16\r\n"),
        ("application/dtmf-relay", b"Signal=12345\r\n"),
        ("application/dtmf-relay", b"\xff\xfe"),
        ("application/dtmf", b""" 1 2"""),
        ("application/dtmf", b","),
        ("application/dtmf", b"\xff"),
        ("application/dtmf", "\u0663".encode()),
    ],
)
def test_what_is_no_digit_is_refused(kind: str, body: bytes) -> None:
    out: list[CallOutput] = []
    with pytest.raises(SipError, match="400"):
        InfoReceiver(out).receive(info(kind, body), 0.0)
    assert out == []


def test_a_wanted_picture_is_asked_for_but_not_at_any_rate() -> None:
    out: list[CallOutput] = []
    receiver = InfoReceiver(out)
    for now in (0.0, 0.1, 0.4, 0.6):
        assert receiver.receive(info("application/media_control+xml", PICTURE), now).status == 200
    assert out == [WantKeyframe(), WantKeyframe()]


def test_another_media_control_is_accepted_and_does_nothing() -> None:
    out: list[CallOutput] = []
    body = b"<media_control><general_error>picture_fast_update</general_error></media_control>"
    assert InfoReceiver(out).receive(info("application/media_control+xml", body), 0.0).status == 200
    assert out == []


def test_what_is_not_known_is_refused_with_what_is() -> None:
    receiver = InfoReceiver([])
    package = receiver.receive(info("application/x", b"x", ("Info-Package", "conference")), 0.0)
    assert (package.status, package.headers.get("Recv-Info")) == (469, "")
    unknown = receiver.receive(info("text/plain", b"x"), 0.0)
    assert unknown.status == 415 and "application/dtmf-relay" in (unknown.headers.get("Accept") or "")
    assert receiver.receive(info(None, b"x"), 0.0).status == 415
    assert receiver.receive(info(None), 0.0).status == 200


def test_a_flood_is_refused_and_forgotten() -> None:
    out: list[CallOutput] = []
    receiver = InfoReceiver(out)
    statuses = [receiver.receive(info("application/dtmf", b"1"), 10.0).status for _ in range(BURST + 5)]
    assert statuses == [200] * BURST + [500] * 5
    assert len(out) == BURST
    assert receiver.receive(info("application/dtmf", b"1"), 11.0).status == 200


def test_the_end_of_the_call_drops_digits_in_silence() -> None:
    side = Side()
    side.dtmf.send("12", 100)
    side.dtmf.stop()
    side.answer(1, 200)
    assert told(side.out) == []
