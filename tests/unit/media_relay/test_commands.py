"""Commands on sessions, with a data path that notes what it is told."""

import pytest
from tests.support.descriptions import phone, sdp
from tests.support.relay_commands import ANSWER, ENVELOPE, OFFER, Relay

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.sdp import parse
from media_relay.digits import DigitReceived
from media_relay.events import Connected, Failed
from shared.errors import RemoteError
from shared.messages import (
    AdoptMedia,
    AllocateMedia,
    Done,
    MediaAllocated,
    MediaConnected,
    MediaDigit,
    MediaFailed,
    MediaRef,
    MediaSdp,
    ReleaseMedia,
    RequestOffer,
    SendDigits,
    SessionSnapshot,
)


@pytest.fixture
def relay() -> Relay:
    return Relay()


async def test_a_browsers_offer_is_turned_into_a_sip_one(relay: Relay) -> None:
    reply = await relay.allocate()
    assert reply.media == MediaRef(relay="relay", media_id="m")
    assert reply.browser_sdp is None
    assert reply.sip_sdp is not None
    assert parse(reply.sip_sdp).media[0].port == 30000
    assert relay.path.allocated == {"m": 2}
    assert len(relay.commands) == 1


async def test_a_sip_offer_is_turned_into_one_for_the_browser(relay: Relay) -> None:
    reply = await relay.allocate(sip_sdp=sdp("baresip_audio_offer"))
    assert reply.sip_sdp is None
    assert reply.browser_sdp is not None
    assert parse(reply.browser_sdp).media[0].protocol == "UDP/TLS/RTP/SAVPF"
    assert relay.path.allocated == {"m": 1}


async def test_a_session_id_fits_into_a_signed_64_bit_number(relay: Relay) -> None:
    text = (await relay.allocate()).sip_sdp
    assert text is not None
    assert int(parse(text).origin.session_id) == 2**62 - 1


async def test_a_failure_after_the_ports_were_taken_gives_them_back(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrowserOffers, "offer", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await relay.allocate()
    assert relay.path.released == ["m"]
    assert len(relay.commands) == 0


async def test_a_repeated_allocation_is_one(relay: Relay) -> None:
    first = await relay.allocate()
    relay.path.full = True
    assert await relay.allocate() == first
    assert len(relay.commands) == 1
    with pytest.raises(RemoteError, match="409"):
        await relay.allocate(sip_sdp=sdp("baresip_audio_offer"))


async def test_only_one_side_can_offer(relay: Relay) -> None:
    with pytest.raises(RemoteError, match="400"):
        await relay.allocate(browser_sdp=OFFER, sip_sdp=ANSWER)


async def test_if_neither_side_offers_the_browser_is_offered_audio_then_the_sip_side(relay: Relay) -> None:
    command = AllocateMedia(**ENVELOPE, media_id="m", call_id="call", agent="agent")
    reply = await relay.handle(command)
    assert isinstance(reply, MediaAllocated)
    assert reply.browser_sdp is not None
    assert reply.sip_sdp is None
    assert relay.path.allocated == {"m": 1}
    answer = sdp("chromium_audio_video_answer")
    offer = await relay.answer(answer[: answer.index("m=video")].replace("BUNDLE 0 1", "BUNDLE 0"), side="browser")
    assert parse(offer.sdp).media[0].formats == ("111", "101")
    assert await relay.answer(phone("audio 4000 RTP/AVP 111|rtpmap:111 opus/48000/2")) == MediaSdp(sdp="")
    assert [plan.streams[0].sip_sends for _, plan in relay.path.plans] == [False, True]


async def test_a_refused_allocation_leaves_nothing(relay: Relay) -> None:
    for status, offer in (("400", {"sip_sdp": "nonsense"}), ("488", {"sip_sdp": phone("audio 4000 RTP/SAVP 0")})):
        with pytest.raises(RemoteError, match=status):
            await relay.allocate(**offer)
    relay.path.full = True
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate()
    assert (len(relay.commands), relay.path.allocated) == (0, {})


async def test_beyond_its_capacity_and_while_draining_a_relay_takes_nothing_new() -> None:
    relay = Relay(capacity=1)
    first = await relay.allocate("a")
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("b")
    await relay.release("a")
    relay.commands.draining = True
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("b")
    relay.commands.draining = False
    assert await relay.allocate("a") is not first


async def test_an_answer_is_planned_and_passed_on(relay: Relay) -> None:
    await relay.allocate()
    reply = await relay.answer()
    assert parse(reply.sdp).media[0].formats == ("0",)
    ((media_id, plan),) = relay.path.plans
    assert (media_id, plan.streams[0].to_sip) == ("m", {0: 0})


async def test_a_later_offer_is_planned_and_answered(relay: Relay) -> None:
    await relay.allocate()
    await relay.answer()
    reply = await relay.offer(ANSWER + "a=inactive\r\n")
    assert parse(reply.sdp).media[0].has("inactive")
    assert reply.is_held
    assert not relay.path.plans[-1][1].streams[0].browser_sends


async def test_an_offer_of_ours_plans_nothing_before_its_answer(relay: Relay) -> None:
    await relay.allocate()
    await relay.answer()
    request = RequestOffer(**ENVELOPE, media_id="m", side="sip", direction="sendonly")
    reply = await relay.handle(request)
    assert isinstance(reply, MediaSdp)
    assert parse(reply.sdp).media[0].has("sendonly")
    assert len(relay.path.plans) == 1
    assert await relay.answer(ANSWER + "a=recvonly\r\n") == MediaSdp(sdp="")
    audio = relay.path.plans[-1][1].streams[0]
    assert (audio.browser_sends, audio.sip_sends) == (False, False)


async def test_a_call_that_is_transferred_gets_other_keys_and_the_old_far_side_keeps_its_own() -> None:
    relay = Relay(sip_srtp="optional")
    await relay.allocate()
    await relay.answer(far_side="bob's")

    async def offered(far_side: str) -> list[str]:
        reply = await relay.handle(RequestOffer(**ENVELOPE, media_id="m", side="sip", far_side=far_side))
        assert isinstance(reply, MediaSdp)
        return parse(reply.sdp).media[0].values("crypto")

    bobs, carols = await offered("bob's"), await offered("carol's")
    assert set(bobs).isdisjoint(carols)
    assert await offered("bob's") == bobs


async def test_a_browser_that_comes_anew_gets_an_offer_with_other_credentials(relay: Relay) -> None:
    await relay.allocate()
    await relay.answer()
    reply = await relay.handle(RequestOffer(**ENVELOPE, media_id="m", side="browser"))
    assert isinstance(reply, MediaSdp)
    assert parse(reply.sdp).media[0].value("ice-ufrag") == "renewed"
    assert relay.path.renewals == ["m"]
    assert len(relay.path.plans) == 1


async def test_a_browser_cannot_come_anew_before_there_is_an_answer(relay: Relay) -> None:
    await relay.allocate()
    with pytest.raises(RemoteError, match="491"):
        await relay.handle(RequestOffer(**ENVELOPE, media_id="m", side="browser"))
    assert relay.path.renewals == []


async def test_a_refused_answer_plans_nothing(relay: Relay) -> None:
    await relay.allocate()
    with pytest.raises(RemoteError, match="488"):
        await relay.answer(phone("audio 0 RTP/AVP 0"))
    assert relay.path.plans == []
    await relay.answer()


async def test_a_session_that_is_not_there_does_not_exist_but_can_be_released(relay: Relay) -> None:
    with pytest.raises(RemoteError, match="481"):
        await relay.answer()
    assert await relay.release() == Done()
    assert relay.path.released == []


async def test_release_ends_the_session(relay: Relay) -> None:
    await relay.allocate()
    assert await relay.release() == Done()
    assert (relay.path.released, len(relay.commands)) == (["m"], 0)


async def test_an_old_owner_can_neither_command_nor_release(relay: Relay) -> None:
    await relay.allocate()
    await relay.answer(epoch=2)
    with pytest.raises(RemoteError, match="409"):
        await relay.answer(epoch=1)
    with pytest.raises(RemoteError, match="409"):
        await relay.release(epoch=1)
    assert await relay.release(epoch=2) == Done()


async def test_the_agent_of_the_allocation_is_told_what_becomes_of_the_browser(relay: Relay) -> None:
    await relay.allocate()
    relay.commands.on_event(Connected("m"))
    relay.commands.on_event(Failed("m", "consent"))
    relay.commands.on_event(Connected("of another time"))
    assert relay.told == [
        ("agent", MediaConnected(media_id="m", call_id="call")),
        ("agent", MediaFailed(media_id="m", call_id="call", reason="consent")),
    ]


async def test_an_agent_that_adopts_a_session_is_told_its_events_and_the_former_one_is_heard_no_more(
    relay: Relay,
) -> None:
    await relay.allocate()
    await relay.answer()
    assert await relay.handle(AdoptMedia(**ENVELOPE, media_id="m", agent="another", epoch=2)) == Done()
    relay.commands.on_event(Connected("m"))
    assert relay.told == [("another", MediaConnected(media_id="m", call_id="call"))]
    for command in (
        AdoptMedia(**ENVELOPE, media_id="m", agent="agent", epoch=1),
        ReleaseMedia(**ENVELOPE, media_id="m", epoch=1),
    ):
        with pytest.raises(RemoteError, match="409"):
            await relay.handle(command)
    with pytest.raises(RemoteError, match="481"):
        await relay.handle(AdoptMedia(**ENVELOPE, media_id="none", agent="another", epoch=2))


async def test_quality_is_watched_while_the_browser_is_connected(relay: Relay) -> None:
    for media_id in ("m", "released", "lost"):
        await relay.allocate(media_id)
        relay.commands.on_event(Connected(media_id))
    assert relay.watched.sessions == ["m", "released", "lost"]
    await relay.release("released")
    relay.commands.on_event(Failed("lost", "consent"))
    assert relay.watched.sessions == ["m"]


async def test_digits_go_to_the_data_path_and_come_from_it(relay: Relay) -> None:
    await relay.allocate()
    assert await relay.handle(SendDigits(**ENVELOPE, media_id="m", digits="12", duration_ms=90, epoch=2)) == Done()
    assert relay.path.digits == [("m", "12", 90, 70)]
    relay.commands.on_event(DigitReceived("m", "sip", "#", 100))
    digit = MediaDigit(media_id="m", call_id="call", side="sip", digit="#", duration_ms=100)
    assert relay.told == [("agent", digit)]
    for refused, why in (("m", "409"), ("none", "481")):
        with pytest.raises(RemoteError, match=why):
            await relay.handle(SendDigits(**ENVELOPE, media_id=refused, digits="12", epoch=1))
    with pytest.raises(RemoteError, match="400"):
        await relay.handle(SendDigits(**ENVELOPE, media_id="m", digits="x", epoch=2))


async def test_a_session_that_nobody_claims_ends_in_time(relay: Relay) -> None:
    await relay.allocate("m")
    await relay.allocate("other")
    await relay.answer()
    relay.now += 29.9
    relay.commands.expire()
    assert relay.path.released == []
    relay.now += 0.1
    relay.commands.expire()
    assert relay.path.released == ["other"]
    assert len(relay.commands) == 1


async def test_a_session_whose_browser_is_lost_ends_in_time_if_its_agent_is_gone_too(relay: Relay) -> None:
    await relay.allocate()
    await relay.answer()
    relay.commands.on_event(Failed("m", "ice"))
    relay.now += 30
    relay.commands.expire()
    assert relay.path.released == ["m"]


async def test_at_the_end_all_sessions_are_released(relay: Relay) -> None:
    await relay.allocate("a")
    await relay.allocate("b")
    relay.commands.release_all()
    assert relay.path.released == ["a", "b"]


async def test_other_commands_are_not_served(relay: Relay) -> None:
    assert await relay.handle(SessionSnapshot(registration="none")) is None


async def test_each_stream_is_offered_with_keys_of_its_own_where_the_policy_says_so() -> None:
    relay = Relay(sip_srtp="required")
    allocated = await relay.allocate(browser_sdp=OFFER)
    assert allocated.sip_sdp is not None
    audio, video = parse(allocated.sip_sdp).media
    assert (audio.protocol, video.protocol) == ("RTP/SAVP", "RTP/SAVP")
    assert not set(audio.values("crypto")) & set(video.values("crypto"))
