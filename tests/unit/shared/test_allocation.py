"""Which relays are asked for a media session, and when no further one is."""

from typing import Any, cast

import pytest

from shared.allocation import Passed, Wanted, allocate
from shared.bus import Bus
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.messages import AllocateMedia, MediaAllocated, MediaRef, RebuildMedia

RELAYS = ("relay-1", "relay-2", "relay-3", "relay-4")


class Relays:
    """They answer in turn, with an error or a session; without either they take what they get."""

    def __init__(self, *errors: RemoteError | None, wanted: type[Wanted] = AllocateMedia) -> None:
        self.errors = list(errors)
        self.wanted = wanted
        self.asked: list[str] = []
        self.released: list[MediaRef] = []
        self.passed: list[Passed] = []

    async def request(self, subject: str, command: Wanted, reply: Any, deadline: float) -> MediaAllocated:
        self.asked.append(subject.split(".")[1])
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return MediaAllocated(media=MediaRef(relay=self.asked[-1], media_id=command.media_id))

    def command(self) -> Wanted:
        media_id = f"m-{len(self.asked) + 1}"
        about: dict[str, Any] = {
            "id": media_id,
            "expires_at": 1.0,
            "media_id": media_id,
            "call_id": "c-1",
            "agent": "agent-1",
        }
        return AllocateMedia(**about) if self.wanted is AllocateMedia else RebuildMedia(**about, our_sdp="", far_sdp="")

    async def allocate(self) -> MediaRef:
        made = await allocate(cast(Bus, self), RELAYS, self.command, self.released.append, self.passed.append)
        return made.media


async def test_the_next_one_is_asked_after_one_that_is_gone_silent_or_full() -> None:
    for error in (NoOwner("relay"), DeadlineExceeded("relay"), RemoteError(503, "Media Relay Is Full")):
        relays = Relays(error)
        assert await relays.allocate() == MediaRef(relay="relay-2", media_id="m-2")


async def test_what_a_silent_relay_may_have_made_is_released() -> None:
    relays = Relays(NoOwner("relay"), DeadlineExceeded("relay"))
    await relays.allocate()
    assert relays.released == [MediaRef(relay="relay-2", media_id="m-2")]
    assert relays.passed == ["gone", "silent"]


@pytest.mark.parametrize("status", [400, 488])
async def test_nobody_else_is_asked_about_an_offer_that_is_at_fault(status: int) -> None:
    relays = Relays(RemoteError(status, "Bad Offer"))
    with pytest.raises(RemoteError, match=str(status)):
        await relays.allocate()
    assert relays.asked == ["relay-1"]


async def test_another_relay_may_go_on_with_what_one_refuses_to_rebuild() -> None:
    relays = Relays(RemoteError(488, "Nothing To Go On With"), wanted=RebuildMedia)
    assert (await relays.allocate()).relay == "relay-2"


async def test_three_are_asked_and_the_last_refusal_counts() -> None:
    relays = Relays(RemoteError(500, "Server Internal Error"), NoOwner("relay"), DeadlineExceeded("relay"))
    with pytest.raises(RemoteError, match="500"):
        await relays.allocate()
    assert relays.asked == ["relay-1", "relay-2", "relay-3"]


async def test_that_nobody_answers_is_503() -> None:
    relays = Relays(*[DeadlineExceeded("relay") for _ in RELAYS])
    with pytest.raises(RemoteError, match="503 No Media Relay"):
        await relays.allocate()
