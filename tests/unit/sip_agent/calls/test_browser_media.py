"""How long a call waits for a browser that is lost. The waits are short, and another one ends later to tell that."""

import asyncio
from typing import Any, cast

from sip_agent.calls.browser_media import BrowserMedia


class Ends:
    """The losses that were given up, in their order."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self._news: asyncio.Queue[str] = asyncio.Queue()

    def browser(self, seconds: float) -> BrowserMedia:
        nobody = cast(Any, None)  # nothing is asked of a relay here
        return BrowserMedia(seconds, self._add, nobody, nobody)

    def _add(self, reason: str) -> None:
        self.reasons.append(reason)
        self._news.put_nowait(reason)

    async def next(self) -> str:
        return await asyncio.wait_for(self._news.get(), 5)


async def test_a_browser_that_does_not_return_is_given_up() -> None:
    ends = Ends()
    browser = ends.browser(0.01)
    browser.lost("closed", may_return=True)
    assert ends.reasons == []
    assert await ends.next() == "closed"


async def test_a_browser_that_returns_is_not() -> None:
    ends = Ends()
    back, away = ends.browser(0.01), ends.browser(0.05)
    back.lost("consent", may_return=True)
    away.lost("closed", may_return=True)
    back.connected()
    assert await ends.next() == "closed"
    assert ends.reasons == ["closed"]


async def test_one_that_is_lost_again_has_the_whole_time_again() -> None:
    ends = Ends()
    browser, other = ends.browser(0.05), ends.browser(0.02)
    browser.lost("consent", may_return=True)
    browser.connected()
    browser.lost("closed", may_return=True)
    other.lost("dtls", may_return=True)
    assert [await ends.next(), await ends.next()] == ["dtls", "closed"]


async def test_before_the_call_is_answered_or_after_a_wrong_fingerprint_nothing_is_waited_for() -> None:
    ends = Ends()
    ends.browser(60).lost("ice", may_return=False)
    ends.browser(60).lost("fingerprint", may_return=True)
    assert ends.reasons == ["ice", "fingerprint"]
