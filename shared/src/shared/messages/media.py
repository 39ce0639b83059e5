"""Between signaling or sip-agent and a media-relay.

A media session has two sides, `browser` (ICE, DTLS-SRTP) and `sip` (RTP). Who offers decides how it is set up:

    the browser calls:  AllocateMedia(browser_sdp) -> MediaAllocated(sip_sdp)       signaling asks
                        AnswerMedia(sip, answer)   -> MediaSdp(answer for browser)  agent asks
    the phone calls:    AllocateMedia(sip_sdp)     -> MediaAllocated(browser_sdp)   signaling asks
                        AnswerMedia(browser, answer) -> MediaSdp(answer for SIP)    agent asks

    the phone calls without an offer:  AllocateMedia()   -> MediaAllocated(browser_sdp)   signaling asks
                        AnswerMedia(browser, answer) -> MediaSdp(offer for SIP)    agent asks
                        AnswerMedia(sip, answer)     -> MediaSdp(nothing new)      agent asks

    nobody has a browser:  AllocateMedia(is_headless) -> MediaAllocated(sip_sdp)   signaling or an agent asks
                        AnswerMedia(sip, answer)   -> MediaSdp(nothing)            agent asks

Without a browser the far side hears what `SendSound` plays, or that of the session that this one is `joined_to`.
The SIP side may be one far side after another, as calls are transferred: `far_side` tells them apart, by the Call-ID of
their dialogs. Each gets keys of its own for SRTP.

`OfferMedia` brings a later offer of one side; its answer is for that same side. `RequestOffer` asks for a later offer
to one side, whose answer comes by `AnswerMedia`; until then nothing changes, so an offer that is refused needs no word.
One to the browser is for another connection of its, which takes over from the present one when it is there.

`RebuildMedia` makes a session of an established call on another relay, from the descriptions that stand on the SIP
side: its browser is offered a connection, and answers by `AnswerMedia`; the SIP side learns of it by `RequestOffer`,
or by the answer to an offer of its own. A session without a browser waits for the SIP side alone.
"""

from typing import Literal

import msgspec

from .envelope import Command, Event, Reply

Side = Literal["browser", "sip"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
SoundOutcome = Literal["finished", "stopped", "replaced", "failed"]


class MediaRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where a media session is."""

    relay: str
    media_id: str


class AllocateMedia(Command, frozen=True, kw_only=True, tag="media.allocate"):
    """Make a media session from the offer of one side, or from none: then the browser is offered audio.

    `is_headless`: there is no browser, and the SIP side is offered audio. With `joined_to` it is offered what the far
    side of that session sends, and hears it once it has answered, as that one hears it; `Refused(491)` if that session
    is not answered, or joined already.
    """

    media_id: str
    call_id: str
    agent: str  # gets the session's events and may command it
    browser_sdp: str | None = None
    sip_sdp: str | None = None
    is_headless: bool = False
    joined_to: str = ""  # another headless session of the same relay, by its media id


class MediaAllocated(Reply, frozen=True, kw_only=True, tag="media.allocated"):
    """The session exists; the SDP is the offer for the other side."""

    media: MediaRef
    browser_sdp: str | None = None
    sip_sdp: str | None = None


class RebuildMedia(Command, frozen=True, kw_only=True, tag="media.rebuild"):
    """Make the session that another relay had; the reply is `MediaAllocated` with an offer for the browser.

    `direction` is ours, as in `RequestOffer`: `sendonly` where the far side is held. The reply to one that
    `is_headless` has no offer; `joined_to` is as in `AllocateMedia`.
    """

    media_id: str
    call_id: str
    agent: str
    our_sdp: str  # how we described ourselves to the SIP side last
    far_sdp: str  # and it itself
    direction: Direction = "sendrecv"
    is_headless: bool = False
    joined_to: str = ""


class AnswerMedia(Command, frozen=True, kw_only=True, tag="media.answer"):
    """The answer of `side` to the offer that allocation made for it.

    A provisional one (early media) may be followed by others, the last of them final.
    """

    media_id: str
    side: Side
    sdp: str
    provisional: bool = False
    far_side: str = ""


class OfferMedia(Command, frozen=True, kw_only=True, tag="media.offer"):
    """A later offer of `side`; the reply holds our answer to it, for the same side."""

    media_id: str
    side: Side
    sdp: str
    far_side: str = ""


class RequestOffer(Command, frozen=True, kw_only=True, tag="media.request_offer"):
    """Make a later offer to `side`. `direction` is ours, towards SIP: `sendonly` or `inactive` holds the far side."""

    media_id: str
    side: Side
    direction: Direction = "sendrecv"
    far_side: str = ""


class MediaSdp(Reply, frozen=True, kw_only=True, tag="media.sdp"):
    """The SDP that a command asked for; empty where there is nothing new to say."""

    sdp: str
    is_held: bool = False  # the SIP side holds us: sendonly or inactive in every stream, or 0.0.0.0 (RFC 2543)


class RequestKeyframe(Command, frozen=True, kw_only=True, tag="media.request_keyframe"):
    """Ask `side` for a whole picture: the other one cannot decode (RFC 5168)."""

    media_id: str
    side: Side


class SendDigits(Command, frozen=True, kw_only=True, tag="media.send_digits"):
    """Send digits to the SIP side as telephone-events (RFC 4733); `Refused(501)` where it takes none, or no media now.

    `Done` means that they are on their way; digits that come while others are being sent wait for them.
    """

    media_id: str
    digits: str  # of 0-9, *, #, A-D and ",", a pause of two seconds
    duration_ms: int = 100  # of each
    gap_ms: int = 70  # between two


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """A sound that a relay has, by its name; names have no path in them."""

    name: str
    is_looped: bool = False  # again and again, until it is stopped


class SendSound(Command, frozen=True, kw_only=True, tag="media.send_sound"):
    """Play a sound to the SIP side in the place of what it would hear; one that plays is replaced.

    `Refused(404)` where the relay has no such sound, 415 where it cannot read it, 488 where no audio is settled. While
    the SIP side takes no media, the sound goes on unheard.
    """

    media_id: str
    play_id: str  # comes back with `SoundSent`
    sound: Sound


class EndSound(Command, frozen=True, kw_only=True, tag="media.end_sound"):
    """Let the SIP side hear again what it heard before; `Done` also where nothing plays."""

    media_id: str


class AdoptMedia(Command, frozen=True, kw_only=True, tag="media.adopt"):
    """Another agent has the call, under this epoch: it is told of the session's events from now on."""

    media_id: str
    agent: str


class ReleaseMedia(Command, frozen=True, kw_only=True, tag="media.release"):
    """End the session and free its ports. Releasing one that is not there is `Done` too."""

    media_id: str


class LegQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How media of one kind went between a relay and one side in the last seconds. None: not measured."""

    side: Side
    kind: Literal["audio", "video"]
    loss: float | None = None  # share of what the side sent that did not come, 0 to 1
    jitter: float | None = None  # of what came, seconds
    round_trip: float | None = None  # to the side and back, seconds
    mos: float | None = None  # what a listener would say of it, 1 to 4.4 (ITU-T G.107); of audio
    reported_loss: float | None = None  # the same as the side says of what it gets, from the far end on
    reported_jitter: float | None = None


class MediaQuality(Event, frozen=True, kw_only=True, tag="media.quality"):
    """What was measured of an answered session since the event before."""

    media_id: str
    call_id: str
    legs: tuple[LegQuality, ...]
    unheard: tuple[Side, ...] = ()  # who should send audio and is not heard: one side, one-way audio; both, silence


class MediaConnected(Event, frozen=True, kw_only=True, tag="media.connected"):
    """The browser's DTLS handshake is done and its fingerprint is the one in its SDP."""

    media_id: str
    call_id: str


class MediaDigit(Event, frozen=True, kw_only=True, tag="media.digit"):
    """A side has sent a digit as a telephone-event, told when it is over.

    The browser's are sent on by the relay, and told only where the SIP side takes no events.
    """

    media_id: str
    call_id: str
    side: Side
    digit: str
    duration_ms: int


class SoundSent(Event, frozen=True, kw_only=True, tag="media.sound_sent"):
    """A sound is over. The end of its session is not told."""

    media_id: str
    call_id: str
    play_id: str
    sound: str
    outcome: SoundOutcome


class PictureWanted(Event, frozen=True, kw_only=True, tag="media.picture_wanted"):
    """The browser cannot decode, and the SIP side reads no RTCP that asks for a whole picture: RFC 5168 may help."""

    media_id: str
    call_id: str


class MediaFailed(Event, frozen=True, kw_only=True, tag="media.failed"):
    """The browser's connection is lost for good; it may come by another one, else the session is to be released.

    `unheard`: a session without a browser, whose SIP side has not been heard for minutes, has been released.
    """

    media_id: str
    call_id: str
    reason: Literal["fingerprint", "dtls", "consent", "ice", "closed", "unheard"]
