"""Between signaling and sip-agent: one call, commands one way and events the other."""

from typing import Literal

import msgspec

from .envelope import Command, Event, Reply
from .media import LegQuality, MediaRef, Side, Sound, SoundOutcome

EndedBy = Literal["local", "remote", "system"]
DtmfMethod = Literal["auto", "rfc4733", "info"]


class SecondParty(msgspec.Struct, frozen=True, kw_only=True):
    """Who is called once the callee has answered, to be joined with it: a call of its own, in the same session."""

    call_id: str  # new
    callee: str
    headers: dict[str, str] = {}


class StartCall(Command, frozen=True, kw_only=True, tag="call.start"):
    """Send an INVITE. `call_id` is new; `sip_sdp` is the relay's offer. A reply means that it is on its way.

    The rest is for calls without a browser, whose media was allocated `is_headless`.
    """

    session_id: str
    call_id: str
    callee: str  # a SIP URI, or a user of the account's domain
    media: MediaRef
    sip_sdp: str
    has_video: bool = False
    headers: dict[str, str] = {}
    is_private: bool = False  # ask the servers to withhold who calls (RFC 3323)
    is_headless: bool = False
    sound: Sound | None = None  # played once it is answered; with `second`, until that one answers
    ends_with_sound: bool = False  # hang up when the sound is over
    second: SecondParty | None = None


class IncomingCall(Command, frozen=True, kw_only=True, tag="call.incoming"):
    """The agent asks the session whether it takes a call; signaling allocates its media and shows it.

    An empty `sip_sdp` is a caller that leaves the offer to us (RFC 3261 §13.2.1): the media is allocated from nothing.
    """

    session_id: str
    call_id: str
    agent: str
    caller: str
    callee: str
    sip_sdp: str
    caller_name: str = ""
    asserted: str = ""  # P-Asserted-Identity, where a server said it that is trusted (RFC 3325)
    headers: dict[str, str] = {}  # the header fields that a page may see


class IncomingAccepted(Reply, frozen=True, kw_only=True, tag="call.incoming.accepted"):
    """The browser is ringing."""

    media: MediaRef
    browser_sdp: str  # the offer that the browser got
    has_video: bool = False


class AnswerCall(Command, frozen=True, kw_only=True, tag="call.answer"):
    """The user answered: make the SIP answer from the browser's and send 200."""

    session_id: str
    call_id: str
    browser_sdp: str


class AnswerRequested(Command, frozen=True, kw_only=True, tag="call.answer.request"):
    """Asked of the session's socket by another pod: let the page answer a call that rings there, if it is made to.

    `Done` means that the page was asked; `Refused`: 481 it does not ring there, 501 the page has no word for it.
    """

    session_id: str
    call_id: str


class RenewMedia(Command, frozen=True, kw_only=True, tag="call.renew"):
    """The browser of an established call comes anew: after a reload, or because its connection was lost.

    The reply is an offer for it, and `AnswerRenewal` its answer. Until it is connected the old connection goes on, if
    it can; the far side hears nothing of it.
    """

    session_id: str
    call_id: str


class RenewalOffered(Reply, frozen=True, kw_only=True, tag="call.renewal.offered"):
    """The offer, which has the codecs that the call has."""

    browser_sdp: str


class AnswerRenewal(Command, frozen=True, kw_only=True, tag="call.renewal.answer"):
    """The browser's answer to the last such offer."""

    session_id: str
    call_id: str
    browser_sdp: str


class ReanchorMedia(Command, frozen=True, kw_only=True, tag="call.reanchor"):
    """The agent tells the session that the call's media is to come by another relay.

    `browser_sdp` is an offer: of a call that rings it takes the place of the one before it, of an established call it
    is answered by `AnswerRenewal`. `Refused(501)`: the page knows no other connection than its first.
    """

    session_id: str
    call_id: str
    browser_sdp: str


class HangupCall(Command, frozen=True, kw_only=True, tag="call.hangup"):
    """End a call in whatever state it is: CANCEL, a final response with `status`, or BYE."""

    session_id: str
    call_id: str
    status: int = 0  # for an incoming call that is not answered; 0: 603 Decline
    reason: str = ""


class HoldCall(Command, frozen=True, kw_only=True, tag="call.hold"):
    """Hold an established call, or take it back. A reply means that it is under way; `CallHold` tells its end."""

    session_id: str
    call_id: str
    is_held: bool


class SendDtmf(Command, frozen=True, kw_only=True, tag="call.dtmf"):
    """Send digits, one after the other: as telephone-events in the media (RFC 4733) or by SIP INFO.

    `auto`: by INFO where the far side takes no events.
    """

    session_id: str
    call_id: str
    digits: str  # of 0-9, *, #, A-D and ",", a pause of two seconds
    duration_ms: int = 100
    method: DtmfMethod = "auto"
    gap_ms: int = 70  # in the media; by INFO each digit waits for the answer to the one before


class PlaySound(Command, frozen=True, kw_only=True, tag="call.play_sound"):
    """Play a sound to the far side of an established call, in the place of the browser or of whom it is joined with.

    `Done` means that it plays; `SoundEnded` tells its end. `Refused`: 404 no such sound, 415 one that cannot be read.
    """

    session_id: str
    call_id: str
    sound: Sound


class StopSound(Command, frozen=True, kw_only=True, tag="call.stop_sound"):
    """End the sound that plays; `Done` also where none does."""

    session_id: str
    call_id: str


class TransferCall(Command, frozen=True, kw_only=True, tag="call.transfer"):
    """Let the far side call somebody else (RFC 5589); exactly one of the two is given."""

    session_id: str
    call_id: str
    target: str = ""  # blind: a SIP URI, or a user of the account's domain
    other_call_id: str = ""  # attended: an established call of the same session, which the far side takes over


class CallProgress(Event, frozen=True, kw_only=True, tag="call.progress"):
    """A provisional response. `browser_sdp`, if any, is a provisional answer: another one may follow."""

    session_id: str
    call_id: str
    state: Literal["trying", "ringing", "early"]
    status: int
    reason: str
    browser_sdp: str | None = None


class CallEstablished(Event, frozen=True, kw_only=True, tag="call.established"):
    """The call is answered. `browser_sdp` is the answer, for a call that the browser made."""

    session_id: str
    call_id: str
    browser_sdp: str | None = None


class CallHold(Event, frozen=True, kw_only=True, tag="call.hold.changed"):
    """Who holds the call now."""

    session_id: str
    call_id: str
    local: bool
    remote: bool


class CallActionFailed(Event, frozen=True, kw_only=True, tag="call.action.failed"):
    """What was under way has failed; the call goes on as it was."""

    session_id: str
    call_id: str
    action: Literal["hold", "unhold", "dtmf", "transfer"]
    status: int
    reason: str


class DtmfReceived(Event, frozen=True, kw_only=True, tag="call.dtmf.received"):
    """The far side sent a digit, as a telephone-event or by SIP INFO."""

    session_id: str
    call_id: str
    digit: str
    duration_ms: int = 0  # 0: it did not say


class SoundEnded(Event, frozen=True, kw_only=True, tag="call.sound.ended"):
    """A sound of `PlaySound` or `StartCall` is over, while the call goes on."""

    session_id: str
    call_id: str
    sound: str
    outcome: SoundOutcome


class CallQuality(Event, frozen=True, kw_only=True, tag="call.quality"):
    """How the call's media went in the last seconds, as the relay measured it: see `MediaQuality`."""

    session_id: str
    call_id: str
    legs: tuple[LegQuality, ...]
    unheard: tuple[Side, ...] = ()


class TransferProgress(Event, frozen=True, kw_only=True, tag="call.transfer.progress"):
    """How far the far side is with the call that we asked it to make; after a 2xx ours ends."""

    session_id: str
    call_id: str
    status: int
    reason: str


class CallTransferred(Event, frozen=True, kw_only=True, tag="call.transferred"):
    """The same call, with another far side: it has been transferred to us, or we to it."""

    session_id: str
    call_id: str
    peer: str
    peer_name: str = ""


class CallEnded(Event, frozen=True, kw_only=True, tag="call.ended"):
    """The last event of a call: the SIP status and reason that ended it, and which side did."""

    session_id: str
    call_id: str
    status: int  # 200 for a normal end of an established call
    reason: str
    by: EndedBy
    was_established: bool = False
    media: MediaRef | None = None
