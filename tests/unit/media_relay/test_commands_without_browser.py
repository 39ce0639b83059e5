"""Commands on sessions without a browser, alone and joined, and on sounds."""

import pytest
from tests.support.descriptions import phone
from tests.support.relay_commands import ANSWER, BELL, ENVELOPE, OFFER, Relay

from media_relay.core.description.sdp import parse
from media_relay.core.statistics import SourceRecord
from media_relay.sounds.player import SoundDone
from shared.errors import RemoteError
from shared.messages import (
    Done,
    EndSound,
    MediaFailed,
    RequestOffer,
    SendSound,
    Sound,
    SoundSent,
)


@pytest.fixture
def relay() -> Relay:
    return Relay()


async def test_a_session_without_a_browser_offers_audio_and_its_answer_is_told_to_nobody(relay: Relay) -> None:
    allocated = await relay.allocate(is_headless=True)
    assert allocated.browser_sdp is None
    assert allocated.sip_sdp is not None
    assert [media.kind for media in parse(allocated.sip_sdp).media] == ["audio"]
    assert relay.path.joined == [("m", "")]
    assert (await relay.answer()).sdp == ""
    assert relay.path.plans[-1][1].remote_ice is None
    with pytest.raises(RemoteError, match="501"):
        await relay.handle(RequestOffer(**ENVELOPE, media_id="m", side="browser"))
    with pytest.raises(RemoteError, match="400"):
        await relay.allocate("other", is_headless=True, sip_sdp=ANSWER)


async def test_the_quality_of_a_session_without_a_browser_is_measured_from_its_answer_to_its_end(relay: Relay) -> None:
    await relay.allocate(is_headless=True)
    assert relay.watched.sessions == []
    await relay.answer()
    assert relay.watched.sessions == ["m"]
    await relay.release()
    assert relay.watched.sessions == []


async def test_a_sip_side_that_calls_a_session_without_a_browser_is_answered(relay: Relay) -> None:
    await relay.allocate(is_headless=True)
    with pytest.raises(RemoteError, match="488"):
        await relay.offer(phone("video 4000 RTP/AVP 96"))
    assert relay.path.plans == []
    answer = parse((await relay.offer(phone("audio 4000 RTP/AVP 8 0 101|rtpmap:101 telephone-event/8000"))).sdp)
    assert answer.media[0].formats == ("8", "0", "101")
    (media_id, plan) = relay.path.plans[-1]
    assert (media_id, plan.remote_ice, [stream.encoding for stream in plan.streams]) == ("m", None, ["pcma"])
    assert relay.watched.sessions == ["m"]
    held = await relay.offer(phone("audio 4000 RTP/AVP 8|sendonly"))
    assert held.is_held and parse(held.sdp).media[0].formats == ("8",)
    assert parse((await relay.allocate("two", is_headless=True, joined_to="m")).sip_sdp or "").media[0].formats == (
        "8",
        "101",
    )


async def test_a_sip_side_that_calls_is_given_time_to_be_heard_from_when_it_was_allocated(relay: Relay) -> None:
    await relay.allocate(is_headless=True)
    relay.now += 20
    await relay.offer(ANSWER)
    relay.commands.expire()
    assert relay.path.released == []
    relay.now += 20
    relay.commands.expire()
    assert relay.path.released == ["m"]


async def test_a_session_is_joined_with_another_one_that_is_answered_and_alone(relay: Relay) -> None:
    await relay.allocate("one", is_headless=True)
    with pytest.raises(RemoteError, match="491"):
        await relay.allocate("two", is_headless=True, joined_to="one")
    await relay.answer(media_id="one")
    allocated = await relay.allocate("two", is_headless=True, joined_to="one")
    assert allocated.sip_sdp is not None
    assert parse(allocated.sip_sdp).media[0].formats == ("0", "101")
    assert relay.path.joined == [("one", ""), ("two", "one")]
    for partner, why in (("one", "491"), ("none", "481")):
        with pytest.raises(RemoteError, match=why):
            await relay.allocate("three", is_headless=True, joined_to=partner)
    await relay.release("two")
    await relay.allocate("three", is_headless=True, joined_to="one")
    await relay.allocate("browser")
    await relay.answer(media_id="browser")
    with pytest.raises(RemoteError, match="488"):
        await relay.allocate("four", is_headless=True, joined_to="browser")


def send_sound(media_id: str = "m", name: str = "bell", epoch: int = 0) -> SendSound:
    return SendSound(
        **ENVELOPE | {"epoch": epoch}, media_id=media_id, play_id="p-1", sound=Sound(name=name, is_looped=True)
    )


async def test_a_sound_is_played_in_the_codec_that_is_settled(relay: Relay) -> None:
    await relay.allocate()
    player = relay.path.sound_of("m")
    with pytest.raises(RemoteError, match="488"):
        await relay.handle(send_sound())
    player.encoding = "pcmu"
    assert await relay.handle(send_sound(epoch=2)) == Done()
    assert player.played == [("p-1", "bell", BELL, True)]
    for refused, why in ((send_sound(name="gong", epoch=2), "404"), (send_sound(epoch=1), "409")):
        with pytest.raises(RemoteError, match=why):
            await relay.handle(refused)
    relay.commands.on_event(SoundDone("m", "p-1", "bell", "finished"))
    sent = SoundSent(media_id="m", call_id="call", play_id="p-1", sound="bell", outcome="finished")
    assert relay.told == [("agent", sent)]
    assert await relay.handle(EndSound(**ENVELOPE | {"epoch": 2}, media_id="m")) == Done()
    assert (player.stopped, len(player.played)) == (1, 1)


async def test_a_session_that_has_changed_while_a_sound_was_read_is_not_played_it(relay: Relay) -> None:
    await relay.allocate()
    player = relay.path.sound_of("m")
    player.encoding = "pcmu"
    relay.sounds.meanwhile = lambda: setattr(player, "encoding", "pcma")
    with pytest.raises(RemoteError, match="491"):
        await relay.handle(send_sound())
    player.encoding = "pcmu"
    relay.sounds.meanwhile = relay.commands.release_all
    with pytest.raises(RemoteError, match="481"):
        await relay.handle(send_sound())
    assert player.played == []


async def test_a_session_without_a_browser_ends_once_its_sip_side_has_not_been_heard_for_long(relay: Relay) -> None:
    for media_id in ("m", "held", "browser"):
        await relay.allocate(media_id, **({"browser_sdp": OFFER} if media_id == "browser" else {"is_headless": True}))
    for media_id, direction in (("m", "sendrecv"), ("held", "recvonly"), ("browser", "sendrecv")):
        await relay.answer(phone(f"audio 4000 RTP/AVP 0|{direction}"), media_id=media_id)
    relay.now += 20
    heard = SourceRecord()
    heard.hear(1, 160, 160, relay.now, 8000)
    relay.path.heard = (heard.statistics(0, "sip", 0x51),)
    relay.now += 25
    relay.commands.expire()
    assert relay.path.released == []
    relay.now += 15
    relay.commands.expire()
    assert relay.path.released == ["m"]
    assert relay.told == [("agent", MediaFailed(media_id="m", call_id="call", reason="unheard"))]
