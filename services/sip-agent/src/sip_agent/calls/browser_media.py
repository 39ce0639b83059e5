"""The browser's end of a call's media: it may be lost for a while, and come anew by another connection.

A page that is reloaded, or that has another network, makes a new `RTCPeerConnection`: the relay offers it the codecs
that the call has, and what it answers changes nothing for the far side.
"""

import time
from collections.abc import Callable
from functools import partial

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import MediaRef
from sip_agent.alarm import Alarm
from sip_agent.calls.relay_client import answer_anew, offer_anew
from sip_agent.core.back import back
from sip_agent.mailbox import Mailbox

_FINAL = "fingerprint"  # whoever that was, it was not the browser of the call (RFC 8122 §5.1)


class BrowserMedia:
    """`give_up` is called with the reason of a loss, once; `asides` keep the order of what the relay is asked."""

    __slots__ = ("_seconds", "_give_up", "_bus", "_asides", "_reason", "_alarm", "__weakref__")

    def __init__(self, seconds: float, give_up: Callable[[str], None], bus: Bus, asides: Mailbox) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._bus = bus
        self._asides = asides
        self._reason = ""
        self._alarm = Alarm(back(self._on_alarm))

    def lost(self, reason: str, may_return: bool) -> None:
        """The relay says that the browser is gone."""
        if may_return and reason != _FINAL:
            self._reason = reason
            self._alarm.set(time.monotonic() + self._seconds)
        else:
            self._give_up(reason)

    def _on_alarm(self) -> None:
        self._give_up(self._reason)

    def connected(self) -> None:
        """It is there, perhaps again."""
        self._alarm.stop()

    def close(self) -> None:
        """The call is over: nobody waits any more."""
        self._alarm.stop()

    async def renew(self, media: MediaRef | None, epoch: int) -> str:
        """Return an offer for the browser that comes anew; raise `RemoteError`."""
        return await self._asides.ask(partial(offer_anew, self._bus, _known(media), epoch))

    async def answer(self, media: MediaRef | None, epoch: int, sdp: str) -> None:
        """Bring the relay the browser's answer to it; raise `RemoteError`."""
        await self._asides.ask(partial(answer_anew, self._bus, _known(media), epoch, sdp))


def _known(media: MediaRef | None) -> MediaRef:
    if media is None:
        raise RemoteError(481, "Call Has No Media")
    return media
