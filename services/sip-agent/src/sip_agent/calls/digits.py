"""Digits of a live call: in the media by its relay, or by INFO where that cannot be."""

import re
from collections.abc import Callable
from functools import partial

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import MediaDigit, MediaRef, SendDtmf
from sip_agent.calls.relay_client import send_digits
from sip_agent.core.call.call import Call
from sip_agent.core.errors import SipError

_DIGITS = re.compile(r"[0-9*#A-Da-d,]+")
_NO_EVENTS = 501  # the relay's word for a far side that takes none


def check(digits: str) -> None:
    """Raise `RemoteError` if they are none, with pauses between them."""
    if not _DIGITS.fullmatch(digits):
        raise RemoteError(400, "Bad Digits")


async def send_in_media(
    bus: Bus, media: MediaRef, epoch: int, command: SendDtmf, core: Call, post: Callable[..., None]
) -> None:
    """Let the relay send digits; what comes of its refusal is posted."""
    try:
        await send_digits(bus, media, epoch, command.digits, command.duration_ms, command.gap_ms)
    except RemoteError as error:
        post(partial(_refused, core, command, error))


def _refused(core: Call, command: SendDtmf, why: RemoteError, now: float) -> None:
    if command.method != "auto" or why.status != _NO_EVENTS:
        core.dtmf_failed(why.status, why.reason, now)
    elif core.told_state != "established":
        core.dtmf_failed(491, "Call Is Not Established", now)
    else:
        _send_by_info(core, command.digits, command.duration_ms, now)


def hear_digit(core: Call, heard: MediaDigit, now: float) -> None:
    """Take a digit from the relay: the browser's goes on by INFO, for the far side takes no events."""
    if heard.side == "sip":
        core.digit_heard(heard.digit, heard.duration_ms, now)
    elif core.told_state == "established":
        _send_by_info(core, heard.digit, heard.duration_ms, now)


def _send_by_info(core: Call, digits: str, duration_ms: int, now: float) -> None:
    try:
        core.send_dtmf(digits, duration_ms, now)
    except SipError as error:
        core.dtmf_failed(error.status, error.reason, now)
