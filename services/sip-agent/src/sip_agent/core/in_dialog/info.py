"""INFO as phones have long used it, without packages (RFC 6086 §1, "legacy"): digits, and pictures that are wanted.

`application/dtmf-relay` and `application/dtmf` have no RFC; `application/media_control+xml` is RFC 5168.
"""

import re
from collections import deque

from sip_agent.core.call.outputs import ActionFailed, CallOutput, DigitReceived, WantKeyframe
from sip_agent.core.errors import SipError
from sip_agent.core.in_dialog.dialog_requests import Outcome
from sip_agent.core.in_dialog.own_requests import InDialogRequest, OwnRequests
from sip_agent.core.syntax.message import Request, Response, make_response

DTMF_RELAY = "application/dtmf-relay"
DTMF = "application/dtmf"
MEDIA_CONTROL = "application/media_control+xml"
BODIES = (DTMF_RELAY, DTMF, MEDIA_CONTROL)

MAX_DIGITS = 64  # that wait to be sent
MAX_DURATION_MS = 8000
MAX_BODY = 2048
# What the far side may send: faster than any thumb, slower than a flood.
BURST = 32
PER_SECOND = 16.0
KEYFRAME_EVERY = 0.5  # RFC 5168 has no limit, and each costs a burst of video

PAUSE = ","
PAUSE_SECONDS = 2.0  # as RTCDTMFSender has it (W3C WebRTC §7.2)

_DIGIT = re.compile(r"[0-9*#A-Da-d]")
_DIALLED = re.compile(r"[0-9*#A-Da-d,]+")
_SIGNAL = re.compile(rb"^Signal[ \t]*=[ \t]*(1[0-5]|[0-9*#A-Da-d])[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(rb"^Duration[ \t]*=[ \t]*([0-9]{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_PICTURE = re.compile(rb"<(?:[A-Za-z0-9_]+:)?picture_fast_update[ \t\r\n/>]")
_PICTURE_REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?>\r\n'
    b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n"
)
# As RFC 2833 numbers its events, which some phones write here.
_EVENTS = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


class DtmfSender:
    """One digit at a time: an INFO is sent when the one before has its 200, so that they arrive in order.

    A pause begins when the clock is next read, which is at once: `next_timer()` says so.
    """

    def __init__(self, out: list[CallOutput], own: OwnRequests) -> None:
        self._out = out
        self._own = own
        self._waiting: deque[tuple[str, int]] = deque()
        self._is_sending = False
        self._is_pause_due = False
        self._resume_at: float | None = None

    def send(self, digits: str, duration_ms: int) -> None:
        """Send digits, and pauses, after those that wait; `SipError` where they are none or too many."""
        if not _DIALLED.fullmatch(digits) or not 0 < duration_ms <= MAX_DURATION_MS:
            raise SipError(400, "Bad Digits")
        if len(self._waiting) + len(digits) > MAX_DIGITS:
            raise SipError(486, "Too Many Digits")
        self._waiting.extend((digit.upper(), duration_ms) for digit in digits)
        if not self._is_sending:
            self._send_next()

    def stop(self) -> None:
        """The dialog is over, which says it all."""
        self._waiting.clear()
        self._is_sending = self._is_pause_due = False
        self._resume_at = None

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return 0.0 if self._is_pause_due else self._resume_at

    def handle_timer(self, now: float) -> None:
        """Begin a pause, or end it."""
        if self._is_pause_due:
            self._is_pause_due, self._resume_at = False, now + PAUSE_SECONDS
        elif self._resume_at is not None and self._resume_at <= now:
            self._resume_at = None
            self._send_next()

    def _send_next(self) -> None:
        self._is_sending = bool(self._waiting)
        if self._waiting:
            digit, duration_ms = self._waiting.popleft()
            if digit == PAUSE:
                self._is_pause_due = True
                return
            body = f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
            self._own.send(InDialogRequest("INFO", self._answered, body=body, content_type=DTMF_RELAY))

    def _answered(self, outcome: Outcome) -> None:
        if outcome.status >= 300 and self._is_sending:
            # What the far side makes of the rest of a number is not what the user typed.
            self._waiting.clear()
            self._out.append(ActionFailed("dtmf", outcome.status, outcome.reason))
        self._send_next()


class PictureRequests:
    """Asks the far side for whole pictures (RFC 5168): one at a time, and no more once it has refused."""

    def __init__(self, own: OwnRequests) -> None:
        self._own = own
        self._may_ask = True

    def request(self) -> None:
        """Ask for one, unless one is being asked for."""
        if self._may_ask:
            self._may_ask = False
            self._own.send(InDialogRequest("INFO", self._answered, body=_PICTURE_REQUEST, content_type=MEDIA_CONTROL))

    def _answered(self, outcome: Outcome) -> None:
        self._may_ask = outcome.status < 300


class InfoReceiver:
    """Answers the far side's INFOs. More than a person sends are refused."""

    def __init__(self, out: list[CallOutput]) -> None:
        self._out = out
        self._allowance, self._counted_at = float(BURST), 0.0
        self._keyframe_at = float("-inf")

    def receive(self, request: Request, now: float) -> Response:
        """Return the response, and leave what the request says in the outputs."""
        if request.headers.get("Info-Package"):
            # RFC 6086 §4.2.2: none is known here, which an empty list says.
            return make_response(request, 469, None, headers=[("Recv-Info", "")])
        if not self._is_allowed(now):
            return make_response(request, 500, "Too Many Requests", headers=[("Retry-After", "1")])
        if not request.body:
            return make_response(request, 200)
        kind, body = request.content_type, request.body[:MAX_BODY]
        if kind not in BODIES:
            return make_response(request, 415, None, headers=[("Accept", ", ".join(BODIES))])
        if kind == MEDIA_CONTROL:
            self._want_picture(body, now)
        else:
            self._out.append(_digit_in(body) if kind == DTMF_RELAY else _bare_digit(body))
        return make_response(request, 200)

    def _is_allowed(self, now: float) -> bool:
        self._allowance = min(float(BURST), self._allowance + PER_SECOND * (now - self._counted_at))
        self._counted_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _want_picture(self, body: bytes, now: float) -> None:
        if _PICTURE.search(body) and now - self._keyframe_at >= KEYFRAME_EVERY:
            self._keyframe_at = now
            self._out.append(WantKeyframe())


def _digit_in(body: bytes) -> DigitReceived:
    signal, duration = _SIGNAL.search(body), _DURATION.search(body)
    if signal is None:
        raise SipError(400, "Bad DTMF")
    return _received(signal[1].decode(), int(duration[1]) if duration is not None else 0)


def _bare_digit(body: bytes) -> DigitReceived:
    text = body.decode("ascii", "replace").strip()
    if text not in _EVENTS and not _DIGIT.fullmatch(text):
        raise SipError(400, "Bad DTMF")
    return _received(text, 0)


def _received(signal: str, duration_ms: int) -> DigitReceived:
    return DigitReceived(_EVENTS.get(signal, signal.upper()), min(duration_ms, MAX_DURATION_MS))
