"""Whose a call's media is while the call is started."""

from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import DeadlineExceeded, LocalError, RemoteError
from shared.messages import Command, Done, HangupCall, MediaAllocated, MediaRef, StartCall
from shared.tasks import Tasks
from signaling.agents import Owner
from signaling.call_start import start_call

MEDIA = MediaRef(relay="relay-1", media_id="m-1")
OWNER = Owner("agent-1", 1)


class Pod:
    """Its agent does what it is told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked: list[Command] = []
        self.released: list[MediaRef] = []
        self.tasks = Tasks("signaling")
        self.agents = SimpleNamespace(request=self._request)
        self.media = SimpleNamespace(release=self.released.append)

    async def _request(self, session_id: str, owner: Owner, command: Command, reply: type[Done]) -> Done:
        self.asked.append(command)
        if self.errors:
            raise self.errors.pop(0)
        return Done()

    async def start(self, sip_sdp: str | None = "v=0", lives_if_late: bool = False, **more: Any) -> None:
        async def allocate() -> MediaAllocated:
            return MediaAllocated(media=MEDIA, sip_sdp=sip_sdp)

        pod: Any = self
        try:
            await start_call(
                pod, "s-1", OWNER, allocate(), call_id="c-1", lives_if_late=lives_if_late, callee="bob", **more
            )
        finally:
            await self.tasks.join(1.0)


async def test_a_started_call_has_its_media() -> None:
    pod = Pod()
    await pod.start()
    assert pod.released == []
    (command,) = pod.asked
    assert isinstance(command, StartCall)
    assert (command.media, command.sip_sdp, command.callee) == (MEDIA, "v=0", "bob")


@pytest.mark.parametrize("error", [RemoteError(481, "Gone"), ValueError("unforeseen")])
async def test_media_is_released_where_the_agent_refuses(error: Exception) -> None:
    pod = Pod(error)
    with pytest.raises(type(error)):
        await pod.start(lives_if_late=True)
    assert pod.released == [MEDIA]


async def test_a_call_that_is_not_wanted_any_more_is_not_started() -> None:
    pod = Pod()
    with pytest.raises(RemoteError, match="487"):
        await pod.start(is_wanted=lambda: False)
    assert (pod.asked, pod.released) == ([], [MEDIA])


async def test_media_without_an_offer_is_released() -> None:
    pod = Pod()
    with pytest.raises(LocalError):
        await pod.start(sip_sdp=None)
    assert (pod.asked, pod.released) == ([], [MEDIA])


async def test_a_late_call_of_a_page_is_hung_up_and_its_media_released() -> None:
    pod = Pod(DeadlineExceeded("agent"), RemoteError(481, "Call Does Not Exist"))
    with pytest.raises(DeadlineExceeded):
        await pod.start()
    assert isinstance(pod.asked[-1], HangupCall)
    assert pod.released == [MEDIA]


async def test_a_late_call_that_may_live_keeps_its_media() -> None:
    pod = Pod(DeadlineExceeded("agent"))
    with pytest.raises(DeadlineExceeded):
        await pod.start(lives_if_late=True)
    assert len(pod.asked) == 1
    assert pod.released == []
