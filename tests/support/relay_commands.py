"""A relay's commands over a data path that notes what it is told."""

import itertools
from collections.abc import Callable
from typing import Any, cast

from media_relay.commands import Commands
from media_relay.core.description.sdes import SrtpPolicy
from media_relay.core.plan import IceCredentials, SessionPlan
from media_relay.core.pressure import Pressure
from media_relay.core.session import MediaSession
from media_relay.core.sound import EncodedSound
from media_relay.core.statistics import SourceStatistics
from media_relay.datapath import Allocation, DataPath
from media_relay.place import Place
from media_relay.sounds.library import SoundLibrary
from media_relay.watches.quality import QualityWatch
from shared.errors import RemoteError
from shared.messages import (
    AllocateMedia,
    AnswerMedia,
    Event,
    MediaAllocated,
    MediaSdp,
    Message,
    OfferMedia,
    ReleaseMedia,
)
from tests.support.descriptions import FINGERPRINT, ICE, phone, sdp

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
