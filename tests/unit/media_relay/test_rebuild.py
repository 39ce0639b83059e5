"""Commands on a session that another relay had, with a data path that notes what it is told."""

import pytest
from tests.unit.media_relay.description.test_renewal import answer_to
from tests.unit.media_relay.test_commands import ANSWER, ENVELOPE, Relay

from media_relay.core.description.sdp import parse
from media_relay.datapath import Connected
from shared.errors import RemoteError
from shared.messages import (
    AnswerMedia,
    Done,
    MediaAllocated,
    MediaRef,
    MediaSdp,
    OfferMedia,
    Probe,
    RebuildMedia,
    RequestOffer,
)


@pytest.fixture
def relay() -> Relay:
    return Relay()


async def ours(is_headless: bool = False) -> str:
    """How another relay described itself to the SIP side."""
    text = (await (Relay().allocate(is_headless=True) if is_headless else Relay().allocate())).sip_sdp
    assert text is not None
    return text


async def rebuild(
    relay: Relay, media_id: str = "m", epoch: int = 0, is_headless: bool = False, joined_to: str = ""
) -> MediaAllocated:
    command = RebuildMedia(
        **ENVELOPE | {"epoch": epoch},
        media_id=media_id,
        call_id="call",
        agent="agent",
        our_sdp=await ours(is_headless),
        far_sdp=ANSWER,
        is_headless=is_headless,
        joined_to=joined_to,
    )
    reply = await relay.handle(command)
    assert isinstance(reply, MediaAllocated)
    return reply


async def ask(relay: Relay, command: RequestOffer | AnswerMedia | OfferMedia) -> str:
    reply = await relay.handle(command)
    assert isinstance(reply, MediaSdp)
    return reply.sdp


async def test_the_browser_and_the_sip_side_come_to_it_in_any_order(relay: Relay) -> None:
    made = await rebuild(relay)
    assert (made.media, made.sip_sdp) == (MediaRef(relay="relay", media_id="m"), None)
    assert relay.path.allocated == {"m": 1}  # the picture had not been taken
    offer = await ask(relay, RequestOffer(**ENVELOPE, media_id="m", side="sip"))
    assert parse(offer).media[0].port == 30000
    await ask(relay, AnswerMedia(**ENVELOPE, media_id="m", side="sip", sdp=ANSWER))
    answer = answer_to(made.browser_sdp or "")
    await ask(relay, AnswerMedia(**ENVELOPE, media_id="m", side="browser", sdp=answer))
    plan = relay.path.plans[-1][1]
    assert plan.remote_ice is not None and plan.streams[0].browser_sends and plan.streams[0].sip_sends
    relay.commands.on_event(Connected("m"))
    assert relay.watched.sessions == ["m"]


async def test_the_sip_side_may_offer_first(relay: Relay) -> None:
    await rebuild(relay)
    answer = await ask(relay, OfferMedia(**ENVELOPE, media_id="m", side="sip", sdp=ANSWER))
    assert parse(answer).media[0].port == 30000


async def test_a_repeated_command_is_one(relay: Relay) -> None:
    assert await rebuild(relay) == await rebuild(relay)
    assert len(relay.commands) == 1


async def test_an_owner_of_before_is_refused(relay: Relay) -> None:
    await rebuild(relay, epoch=4)
    with pytest.raises(RemoteError) as refused:
        await relay.release(epoch=3)
    assert refused.value.status == 409


async def test_one_that_nobody_commands_ends_by_itself(relay: Relay) -> None:
    await rebuild(relay)
    relay.now += 31
    relay.commands.expire()
    assert relay.path.released == ["m"]


@pytest.mark.parametrize("why", ["no ports", "draining"])
async def test_a_relay_without_ports_and_one_that_leaves_take_no_such_session(relay: Relay, why: str) -> None:
    relay.path.full = why == "no ports"
    relay.commands.draining = why == "draining"
    with pytest.raises(RemoteError) as refused:
        await rebuild(relay)
    assert refused.value.status == 503


async def test_a_relay_that_is_full_takes_such_sessions_all_the_same() -> None:
    relay = Relay(capacity=1)
    await relay.allocate("own")
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("new")
    for media_id in ("one", "two"):
        await rebuild(relay, media_id)
    assert len(relay.commands) == 3


async def test_a_probe_is_answered(relay: Relay) -> None:
    assert await relay.handle(Probe(**ENVELOPE)) == Done()


async def test_one_without_a_browser_waits_for_its_far_side_alone(relay: Relay) -> None:
    made = await rebuild(relay, is_headless=True)
    assert (made.browser_sdp, made.sip_sdp, relay.path.joined) == (None, None, [("m", "")])
    assert relay.watched.sessions == []
    await ask(relay, RequestOffer(**ENVELOPE, media_id="m", side="sip"))
    await ask(relay, AnswerMedia(**ENVELOPE, media_id="m", side="sip", sdp=ANSWER))
    plan = relay.path.plans[-1][1]
    assert plan.remote_ice is None and plan.streams[0].sip_sends
    assert relay.watched.sessions == ["m"]


async def test_two_without_a_browser_are_joined_again(relay: Relay) -> None:
    await rebuild(relay, "two", is_headless=True)
    await rebuild(relay, "one", is_headless=True, joined_to="two")
    assert relay.path.joined == [("two", ""), ("one", "two")]
    with pytest.raises(RemoteError, match="491"):
        await rebuild(relay, "three", is_headless=True, joined_to="one")
    with pytest.raises(RemoteError, match="481"):
        await rebuild(relay, "three", is_headless=True, joined_to="none")
