"""What the shell decides for every call: times, what is offered unasked, and where chance comes from."""

from collections.abc import Callable
from typing import Literal

import msgspec

from sip_agent.core.transaction.timers import Timers


def _evenly() -> float:
    return 0.5


class CallRules(msgspec.Struct, frozen=True):
    """`chance` returns numbers from 0 to below 1."""

    ring_seconds: float = 180.0
    timers: Timers = Timers()
    session_expires: int = 0  # the session interval that we wish (RFC 4028); 0: none
    min_session_expires: int = 90
    chance: Callable[[], float] = _evenly
    # Callers that merely support reliable ringing (RFC 3262) get it too: each such call costs a PRACK.
    reliable_provisional: Literal["required", "supported"] = "required"
    accept_transfers: bool = True  # call whom the far side names in REFER
    follow_redirects: bool = True
    has_outbound_proxy: bool = False  # then a redirected INVITE goes there too (RFC 3261 §8.1.2)
