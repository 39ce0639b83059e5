"""Commands on sessions, with a data path that notes what it is told."""

import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.support.descriptions import FINGERPRINT, ICE, phone, sdp

from media_relay.commands import Commands
from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.sdes import SrtpPolicy
from media_relay.core.description.sdp import parse
from media_relay.core.plan import IceCredentials, SessionPlan
from media_relay.core.pressure import Pressure
from media_relay.core.session import MediaSession
from media_relay.core.sound import EncodedSound
from media_relay.core.statistics import SourceRecord, SourceStatistics
from media_relay.datapath import Allocation, DataPath
from media_relay.digits import DigitReceived
from media_relay.events import Connected, Failed
from media_relay.place import Place
from media_relay.quality_watch import QualityWatch
from media_relay.sound_library import SoundLibrary
from media_relay.sounds import SoundDone
from shared.errors import RemoteError
from shared.messages import (
    AdoptMedia,
    AllocateMedia,
    AnswerMedia,
    Done,
    EndSound,
    Event,
    MediaAllocated,
    MediaConnected,
    MediaDigit,
    MediaFailed,
    MediaRef,
    MediaSdp,
    Message,
    OfferMedia,
    ReleaseMedia,
    RequestOffer,
    SendDigits,
    SendSound,
    SessionSnapshot,
    Sound,
    SoundSent,
)

ENVELOPE: dict[str, Any] = {"id": "command", "expires_at": 0.0}
OFFER = sdp("chromium_audio_video_offer")
ANSWER = phone("audio 4000 RTP/AVP 0")
BELL = EncodedSound(8000, [b"bell"], is_complete=True)


class Notes:
    """In place of the data path."""

    browser_port = 10000
    browser_tcp_port = 0
    fingerprint = FINGERPRINT

    def __init__(self) -> None:
        self.allocated: dict[str, int] = {}
        self.plans: list[tuple[str, SessionPlan]] = []
        self.released: list[str] = []
        self.digits: list[tuple[str, str, int, int]] = []
        self.renewals: list[str] = []
        self.full = False
        self.joined: list[tuple[str, str]] = []
        self.players: dict[str, Player] = {}
        self.heard: tuple[SourceStatistics, ...] = ()

    def allocate(self, media_id: str, stream_count: int) -> Allocation:
        if self.full:
            raise RemoteError(503, "No Ports")
        self.allocated[media_id] = stream_count
        return Allocation(ICE, tuple((30000 + 2 * n, 30001 + 2 * n) for n in range(stream_count)))

    def apply(self, media_id: str, plan: SessionPlan) -> None:
        self.plans.append((media_id, plan))

    def send_digits(self, media_id: str, digits: str, duration_ms: int, gap_ms: int) -> None:
        if not digits.isdecimal():
            raise RemoteError(400, "Bad Digits")
        self.digits.append((media_id, digits, duration_ms, gap_ms))

    def renew(self, media_id: str) -> IceCredentials:
        self.renewals.append(media_id)
        return IceCredentials("renewed", "password of the renewed")

    def allocate_headless(self, media_id: str, partner: str = "") -> Allocation:
        self.joined.append((media_id, partner))
        return self.allocate(media_id, 1)

    def sound_of(self, media_id: str) -> "Player":
        return self.players.setdefault(media_id, Player())

    def statistics(self, media_id: str) -> tuple[SourceStatistics, ...]:
        return self.heard

    def release(self, media_id: str) -> None:
        self.released.append(media_id)


class Watched:
    """Whose quality is measured."""

    def __init__(self) -> None:
        self.sessions: list[str] = []

    def begin(self, media_id: str, session: MediaSession) -> None:
        self.sessions.append(media_id)

    def end(self, media_id: str) -> None:
        if media_id in self.sessions:
            self.sessions.remove(media_id)


class Sounds:
    """In place of the library: one sound, in one codec."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None

    async def find(self, name: str, encoding: str) -> EncodedSound:
        if name != "bell":
            raise RemoteError(404, "No Such Sound")
        assert encoding == "pcmu"
        self.meanwhile()
        return BELL


class Player:
    """In place of the data path's sound of a session."""

    def __init__(self) -> None:
        self.encoding = ""
        self.played: list[tuple[str, str, EncodedSound, bool]] = []
        self.stopped = 0

    def play(self, play_id: str, name: str, sound: EncodedSound, is_looped: bool) -> None:
        self.played.append((play_id, name, sound, is_looped))

    def stop(self) -> None:
        self.stopped += 1


class Relay:
    """Commands with a clock of their own."""

    def __init__(self, capacity: int = 10, sip_srtp: SrtpPolicy = "off") -> None:
        self.now = 1000.0
        self.path = Notes()
        self.watched = Watched()
        self.sounds = Sounds()
        self.pressure = Pressure(0.8)
        self.told: list[tuple[str, Event]] = []
        self.chance = itertools.count(255, -1)
        place = Place("relay", ("192.0.2.1",), "192.0.2.1", capacity, unclaimed_seconds=30.0, sip_srtp=sip_srtp)
        self.commands = Commands(
            place,
            cast(DataPath, self.path),
            lambda agent, event: self.told.append((agent, event)),
            lambda: self.now,
            lambda count: bytes([next(self.chance)]) * count,
            cast(QualityWatch, self.watched),
            cast(SoundLibrary, self.sounds),
            self.pressure,
        )

    async def handle(self, message: Message) -> Message | None:
        return await self.commands.handle(message)

    async def allocate(self, media_id: str = "m", **offer: Any) -> MediaAllocated:
        given = offer or {"browser_sdp": OFFER}
        reply = await self.handle(AllocateMedia(**ENVELOPE, media_id=media_id, call_id="call", agent="agent", **given))
        assert isinstance(reply, MediaAllocated)
        return reply

    async def answer(self, text: str = ANSWER, **fields: Any) -> MediaSdp:
        reply = await self.handle(AnswerMedia(**ENVELOPE | {"media_id": "m", "side": "sip", "sdp": text} | fields))
        assert isinstance(reply, MediaSdp)
        return reply

    async def offer(self, text: str) -> MediaSdp:
        reply = await self.handle(OfferMedia(**ENVELOPE, media_id="m", side="sip", sdp=text))
        assert isinstance(reply, MediaSdp)
        return reply

    async def release(self, media_id: str = "m", epoch: int = 0) -> Message | None:
        return await self.handle(ReleaseMedia(**ENVELOPE, media_id=media_id, epoch=epoch))


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


async def test_other_commands_are_not_served(relay: Relay) -> None:
    assert await relay.handle(SessionSnapshot(registration="none")) is None


async def test_each_stream_is_offered_with_keys_of_its_own_where_the_policy_says_so() -> None:
    relay = Relay(sip_srtp="required")
    allocated = await relay.allocate(browser_sdp=OFFER)
    assert allocated.sip_sdp is not None
    audio, video = parse(allocated.sip_sdp).media
    assert (audio.protocol, video.protocol) == ("RTP/SAVP", "RTP/SAVP")
    assert not set(audio.values("crypto")) & set(video.values("crypto"))
