"""Carries out the commands of signaling and sip-agent on the sessions of this relay.

Every command is one synchronous step: nothing is awaited between what it reads and what it changes, so commands
that arrive together need no lock.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import structlog

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
    PictureWanted,
    Probe,
    RebuildMedia,
    ReleaseMedia,
    RequestKeyframe,
    RequestOffer,
    SendDigits,
    SendSound,
    SoundSent,
)

from . import metrics
from .core.description.codecs import Codec
from .core.description.first_offer import going_on, negotiation_of, offer_of
from .core.description.negotiation import Local, Negotiation, Outcome
from .core.description.sdes import FarSideKeys, OwnSrtp
from .core.description.webrtc import BrowserTransport
from .core.plan import Address, IceCredentials, StreamPlan
from .core.pressure import Pressure
from .core.session import MediaSession, Owner
from .datapath import Allocation, DataPath
from .digits import DigitReceived
from .events import Connected, DataPathEvent, Failed, KeyframeWanted
from .place import Place
from .sounds.library import SoundLibrary
from .sounds.player import SoundDone
from .watches.quality import QualityWatch

_log = structlog.get_logger(__name__)

_LOOK_PERIOD = 10.0  # seconds between two looks for sessions that nobody is heard of


@dataclass(frozen=True)
class _Allocated:
    """A session and the command that made it, with the reply that it got: a repeat gets it again."""

    session: MediaSession
    offer: str
    reply: MediaAllocated


class Commands:
    """The media sessions of a relay, by id."""

    def __init__(
        self,
        place: Place,
        data_path: DataPath,
        tell: Callable[[str, Event], None],
        clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        quality: QualityWatch,
        sounds: SoundLibrary,
        pressure: Pressure,
    ) -> None:
        self._place = place
        self._data_path = data_path
        self._tell = tell  # an agent, an event
        self._clock = clock
        self._random_bytes = random_bytes
        self._quality = quality
        self._sounds = sounds
        self._pressure = pressure
        self._sessions: dict[str, _Allocated] = {}
        self._look_at = 0.0
        self.draining = False

    def __len__(self) -> int:
        return len(self._sessions)

    def streams(self) -> Iterator[tuple[str, tuple[StreamPlan, ...]]]:
        """Return what was settled last of each session."""
        for media_id, known in self._sessions.items():
            yield media_id, known.session.streams

    async def handle(self, message: Message) -> Message | None:
        """Carry out one command; the handler of `Bus.serve`."""
        match message:
            case AllocateMedia():
                return self._allocate(message)
            case RebuildMedia():
                return self._rebuild(message)
            case AdoptMedia():
                return self._adopt(message)
            case ReleaseMedia():
                return self._release(message)
            case SendSound():
                return await self._send_sound(message)
            case Probe():
                return Done()
            case _:
                return self._use(message)

    def _use(self, message: Message) -> Message | None:
        match message:
            case AnswerMedia():
                return self._answer(message)
            case OfferMedia():
                return self._offer(message)
            case RequestOffer():
                return self._request_offer(message)
            case RequestKeyframe():
                return self._request_keyframe(message)
            case SendDigits():
                return self._send_digits(message)
            case EndSound():
                return self._end_sound(message)
            case _:
                return None

    def _allocate(self, command: AllocateMedia) -> MediaAllocated:
        offerer, offer = offer_of(command)
        known = self._known(command.media_id, offer)
        if known is not None:
            return known
        self._check_room()
        if self._pressure.is_busy:
            raise RemoteError(503, "Media Relay Is Full")
        negotiation = negotiation_of(command, offerer, offer, self._place.sip_srtp, self._for_partner)
        sdp, keys = self._make(command, negotiation)
        reply = MediaAllocated(
            media=MediaRef(relay=self._place.relay, media_id=command.media_id),
            browser_sdp=sdp if offerer != "browser" else None,
            sip_sdp=sdp if offerer == "browser" else None,
        )
        owner = Owner(call_id=command.call_id, agent=command.agent)
        now, unclaimed = self._clock(), self._place.unclaimed_seconds
        session = MediaSession(owner, offerer, negotiation, keys, now, unclaimed, command.is_headless)
        self._keep(command, _Allocated(session, offer, reply))
        return reply

    def _rebuild(self, command: RebuildMedia) -> MediaAllocated:
        known = self._known(command.media_id, command.our_sdp)
        if known is not None:
            return known
        self._check_stays()  # nothing of capacity or CPU: what was taken once goes on, as long as there are ports
        negotiation = going_on(command, self._for_partner)
        sdp, keys = self._make(command, negotiation)
        owner = Owner(call_id=command.call_id, agent=command.agent)
        now, unclaimed = self._clock(), self._place.unclaimed_seconds
        session = MediaSession.rebuilt(owner, negotiation, keys, command.epoch, now, unclaimed)
        media = MediaRef(relay=self._place.relay, media_id=command.media_id)
        reply = MediaAllocated(media=media, browser_sdp=sdp or None)
        self._keep(command, _Allocated(session, command.our_sdp, reply))
        return reply

    def _for_partner(self, media_id: str) -> tuple[Codec, ...]:
        return self._session(media_id).for_partner()

    def _keep(self, command: AllocateMedia | RebuildMedia, allocated: _Allocated) -> None:
        self._sessions[command.media_id] = allocated
        if command.joined_to:
            allocated.session.join(command.joined_to)
            self._session(command.joined_to).join(command.media_id)

    def _known(self, media_id: str, offer: str) -> MediaAllocated | None:
        known = self._sessions.get(media_id)
        if known is not None and known.offer != offer:
            raise RemoteError(409, "Media Id In Use")
        return None if known is None else known.reply

    def _check_stays(self) -> None:
        if self.draining:
            raise RemoteError(503, "Service Unavailable")

    def _check_room(self) -> None:
        self._check_stays()
        if len(self._sessions) >= self._place.capacity:
            raise RemoteError(503, "Service Unavailable")

    def _make(self, command: AllocateMedia | RebuildMedia, negotiation: Negotiation) -> tuple[str, FarSideKeys]:
        """Return the first offer of a new session, whose ports and transport the data path has made, and its keys."""
        allocation = self._bind(command, negotiation)
        local = self._local(allocation)
        try:
            sdp = negotiation.offer(local)
        except Exception:
            self._data_path.release(command.media_id)
            raise
        _log.info("allocated", media=command.media_id, call=command.call_id, ports=allocation.ports)
        return sdp, FarSideKeys(local.sip_srtp, partial(self._own_srtp, len(allocation.ports)))

    def _bind(self, command: AllocateMedia | RebuildMedia, negotiation: Negotiation) -> Allocation:
        try:
            if command.is_headless:
                return self._data_path.allocate_headless(command.media_id, command.joined_to)
            return self._data_path.allocate(command.media_id, negotiation.stream_count)
        except RemoteError as error:
            if error.status == 503:
                self._pressure.ran_out_of_ports(self._clock())
            raise

    def _local(self, allocation: Allocation) -> Local:
        return Local(
            session_id=self._sdp_session_id(),
            sip_host=self._place.sip_address,
            ports=allocation.ports,
            sip_srtp=self._own_srtp(len(allocation.ports)),
            transport=self._transport(allocation.ice),
        )

    def _own_srtp(self, streams: int) -> tuple[OwnSrtp, ...]:
        return tuple(OwnSrtp.generate(self._place.sip_srtp, self._random_bytes) for _ in range(streams))

    def _sdp_session_id(self) -> str:
        """62 bits: some parsers read it into a signed number of 64 (RFC 8829 §5.2.1)."""
        return str(int.from_bytes(self._random_bytes(8), "big") >> 2)

    def _transport(self, ice: IceCredentials) -> BrowserTransport:
        udp, tcp = self._data_path.browser_port, self._data_path.browser_tcp_port
        hosts = self._place.browser_addresses
        return BrowserTransport(
            ice=ice,
            fingerprint=self._data_path.fingerprint,
            candidates=tuple(Address(host, udp) for host in hosts),
            tcp_candidates=tuple(Address(host, tcp) for host in hosts) if tcp else (),
        )

    def _answer(self, command: AnswerMedia) -> MediaSdp:
        session = self._session(command.media_id)
        first = session.answered_at is None
        now = self._clock()
        outcome = session.answer(command.side, command.sdp, command.provisional, command.epoch, now, command.far_side)
        reply = self._carry_out(command.media_id, outcome)
        if first:
            metrics.STAGES.labels("answer").observe(now - session.allocated_at)
        return reply

    def _offer(self, command: OfferMedia) -> MediaSdp:
        outcome = self._session(command.media_id).offer(command.side, command.sdp, command.epoch, command.far_side)
        return self._carry_out(command.media_id, outcome)

    def _request_offer(self, command: RequestOffer) -> MediaSdp:
        session = self._session(command.media_id)
        if command.side == "browser":
            session.check_renewal(command.epoch)
            transport = self._transport(self._data_path.renew(command.media_id))
            return self._carry_out(command.media_id, session.renew(transport, self._sdp_session_id()))
        outcome = session.request_offer(command.direction, command.epoch, command.far_side)
        return self._carry_out(command.media_id, outcome)

    def _request_keyframe(self, command: RequestKeyframe) -> Done:
        if self._session(command.media_id).request_keyframe(command.side, command.epoch, self._clock()):
            self._data_path.request_keyframe(command.media_id, command.side)
        return Done()

    def _send_digits(self, command: SendDigits) -> Done:
        self._session(command.media_id).check(command.epoch)
        self._data_path.send_digits(command.media_id, command.digits, command.duration_ms, command.gap_ms)
        return Done()

    def _adopt(self, command: AdoptMedia) -> Done:
        session = self._session(command.media_id)
        session.adopt(command.agent, command.epoch)
        _log.info("adopted", media=command.media_id, call=session.owner.call_id, agent=command.agent)
        return Done()

    async def _send_sound(self, command: SendSound) -> Done:
        """The one command that waits: until the beginning of the sound is there. By then the session may be gone."""
        media_id, sound = command.media_id, command.sound
        self._session(media_id).check(command.epoch)
        encoding = self._data_path.sound_of(media_id).encoding
        if not encoding:
            raise RemoteError(488, "No Audio Is Settled")
        encoded = await self._sounds.find(sound.name, encoding)
        self._session(media_id).check(command.epoch)
        player = self._data_path.sound_of(media_id)
        if player.encoding != encoding:
            raise RemoteError(491, "Codec Has Changed")
        player.play(command.play_id, sound.name, encoded, sound.is_looped)
        return Done()

    def _end_sound(self, command: EndSound) -> Done:
        self._session(command.media_id).check(command.epoch)
        self._data_path.sound_of(command.media_id).stop()
        return Done()

    def _carry_out(self, media_id: str, outcome: Outcome) -> MediaSdp:
        if outcome.plan is not None:
            self._data_path.apply(media_id, outcome.plan)
            session = self._session(media_id)
            if session.is_headless and session.is_settled:  # nobody connects there
                self._quality.begin(media_id, session)
        return MediaSdp(sdp=outcome.sdp, is_held=outcome.is_held)

    def _release(self, command: ReleaseMedia) -> Done:
        known = self._sessions.get(command.media_id)
        if known is not None:
            known.session.check(command.epoch)
            self._end(command.media_id, "released")
        return Done()

    def _session(self, media_id: str) -> MediaSession:
        known = self._sessions.get(media_id)
        if known is None:
            raise RemoteError(481, "Call/Transaction Does Not Exist")
        return known.session

    def _end(self, media_id: str, why: str) -> None:
        ended = self._sessions.pop(media_id)
        if ended.session.partner:
            self._sessions[ended.session.partner].session.part()
        self._quality.end(media_id)
        self._data_path.release(media_id)
        _log.info(why, media=media_id, call=ended.session.owner.call_id)

    def on_event(self, event: DataPathEvent) -> None:
        """Tell the agent what the data path says of a session."""
        known = self._sessions.get(event.media_id)
        if known is None:
            return  # released while the event was on its way
        session, now = known.session, self._clock()
        call, agent = session.owner.call_id, session.owner.agent
        match event:
            case Connected():
                metrics.HANDSHAKES.inc()
                if session.answered_at is not None:
                    metrics.STAGES.labels("connect").observe(now - session.answered_at)
                self._quality.begin(event.media_id, session)
                session.regained()
                _log.info("browser connected", media=event.media_id, call=call)
                self._tell(agent, MediaConnected(media_id=event.media_id, call_id=call))
            case DigitReceived(side=side, digit=digit, duration_ms=duration_ms):
                heard = MediaDigit(
                    media_id=event.media_id, call_id=call, side=side, digit=digit, duration_ms=duration_ms
                )
                self._tell(agent, heard)
            case SoundDone(_, play_id, sound, outcome):
                metrics.SOUNDS.labels(outcome).inc()
                sent = SoundSent(media_id=event.media_id, call_id=call, play_id=play_id, sound=sound, outcome=outcome)
                self._tell(agent, sent)
            case Failed():
                metrics.FAILURES.labels(event.reason).inc()
                session.lost(now)
                self._quality.end(event.media_id)
                _log.info("browser lost", media=event.media_id, call=call, reason=event.reason)
                self._tell(agent, MediaFailed(media_id=event.media_id, call_id=call, reason=event.reason))
            case KeyframeWanted():
                self._tell(agent, PictureWanted(media_id=event.media_id, call_id=call))

    def expire(self) -> None:
        """End the sessions that nobody commanded, or released, in time."""
        now = self._clock()
        for media_id, known in list(self._sessions.items()):
            if known.session.expires_at is not None and known.session.expires_at <= now:
                metrics.EXPIRED.inc()
                self._end(media_id, "expired")
        if now >= self._look_at:
            self._look_at = now + _LOOK_PERIOD
            self._end_unheard(now)

    def _end_unheard(self, now: float) -> None:
        """No browser will ever be lost of a session without one: should its agent be gone, and the far side with it,
        there would be no end of it."""
        for media_id, known in list(self._sessions.items()):
            session = known.session
            if not session.is_headless or not session.is_settled:
                continue
            heard = [each.last_heard for each in self._data_path.statistics(media_id) if each.side == "sip"]
            if session.is_unheard(max(heard, default=None), now):
                metrics.EXPIRED.inc()
                failed = MediaFailed(media_id=media_id, call_id=session.owner.call_id, reason="unheard")
                self._tell(session.owner.agent, failed)
                self._end(media_id, "unheard")

    def release_all(self) -> None:
        """End every session."""
        for media_id in list(self._sessions):
            self._end(media_id, "released at exit")
