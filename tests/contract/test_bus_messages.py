"""The JSON of every bus message is fixed: `golden/bus/<type>.json` holds one of each."""

import json
from pathlib import Path

import pytest

from shared.messages import (
    AccountMoved,
    AccountOpened,
    AdoptAccount,
    AllocateMedia,
    AnswerCall,
    AnswerMedia,
    AnswerRenewal,
    AnswerRequested,
    AttachSession,
    CallActionFailed,
    CallEnded,
    CallEstablished,
    CallHold,
    CallProgress,
    CallQuality,
    CallSnapshot,
    CallTransferred,
    CloseAccount,
    DetachSession,
    Done,
    DtmfReceived,
    EndSound,
    HangupCall,
    Heartbeat,
    HoldCall,
    IncomingAccepted,
    IncomingCall,
    IncomingMessage,
    LegQuality,
    MediaAllocated,
    MediaConnected,
    MediaDigit,
    MediaFailed,
    MediaQuality,
    MediaRef,
    MediaSdp,
    Message,
    MessageSent,
    OfferMedia,
    OpenAccount,
    PictureWanted,
    PlaySound,
    Probe,
    ReanchorMedia,
    RebuildMedia,
    Refused,
    RegistrationChanged,
    ReleaseMedia,
    RenewalOffered,
    RenewMedia,
    RequestKeyframe,
    RequestOffer,
    SecondParty,
    SendDigits,
    SendDtmf,
    SendMessage,
    SendSound,
    SessionEnded,
    SessionSnapshot,
    SipAccount,
    Sound,
    SoundEnded,
    SoundSent,
    StartCall,
    StopSound,
    TransferCall,
    TransferProgress,
    decode,
    encode,
)
from shared.messages.wire import MESSAGE_TYPES

GOLDEN = Path(__file__).parent / "golden" / "bus"
CALL_ID = "a84b4c76e66710@192.0.2.20"
SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
COMMAND = {"id": "q-hjkmnpqr01234567", "expires_at": 1793370000.5, "epoch": 3}
SESSION = "s-hjkmnpqr01234567"
CALL = {"session_id": SESSION, "call_id": "c-abcdefgh12345678"}
MEDIA = MediaRef(relay="relay-1", media_id="m-stvwxyza23456789")
SOUND = Sound(name="music", is_looped=True)
MEDIA_ID = {"media_id": MEDIA.media_id}
LEGS = (
    LegQuality(
        side="browser",
        kind="audio",
        loss=0.01,
        jitter=0.004,
        round_trip=0.08,
        mos=4.0,
        reported_loss=0.02,
        reported_jitter=0.005,
    ),
    LegQuality(side="sip", kind="audio", loss=0.0, jitter=0.002),
)

MESSAGES: tuple[Message, ...] = (
    Done(),
    Refused(status=486, reason="Busy Here"),
    OpenAccount(
        **COMMAND,
        session_id=SESSION,
        pod="signaling-1",
        account=SipAccount(
            login="alice",
            domain="example.org",
            auth_name="alice-auth",
            sealed_password="c2VhbGVk",
            outbound_proxy="proxy.example.org",
            port=5061,
            transport="tls",
            register_required=True,
            display_name="Alice",
        ),
        idle_seconds=20.0,
    ),
    AccountOpened(agent="agent-1", epoch=3),
    AttachSession(**COMMAND, session_id=SESSION, pod="signaling-2"),
    AdoptAccount(**COMMAND, session_id=SESSION),
    AccountMoved(session_id=SESSION, agent="agent-2", epoch=4),
    SessionSnapshot(
        registration="registered",
        status=200,
        reason="OK",
        calls=(
            CallSnapshot(
                call_id=CALL["call_id"],
                direction="incoming",
                state="established",
                caller="carol@example.org",
                callee="alice@example.org",
                caller_name="Carol",
                media=MEDIA,
                browser_sdp=SDP,
                has_video=True,
                local_hold=True,
                remote_hold=True,
                offer=SDP,
            ),
        ),
    ),
    DetachSession(**COMMAND, session_id=SESSION, pod="signaling-1", grace_seconds=30.0),
    CloseAccount(**COMMAND, session_id=SESSION),
    RegistrationChanged(session_id=SESSION, state="failed", status=403, reason="Forbidden", expires=0),
    SessionEnded(session_id=SESSION, reason="replaced"),
    StartCall(
        **COMMAND,
        **CALL,
        callee="sip:bob@example.org",
        media=MEDIA,
        sip_sdp=SDP,
        has_video=True,
        headers={"X-Ticket": "4711"},
        is_private=True,
        is_headless=True,
        sound=SOUND,
        ends_with_sound=True,
        second=SecondParty(call_id="c-bcdefghj12345678", callee="sip:carol@example.org", headers={"X-Ticket": "4711"}),
    ),
    IncomingCall(
        **COMMAND,
        **CALL,
        agent="agent-1",
        caller="carol@example.org",
        callee="alice@example.org",
        sip_sdp=SDP,
        caller_name="Carol",
        asserted="sip:carol@example.org",
        headers={"X-Queue": "sales"},
    ),
    IncomingAccepted(media=MEDIA, browser_sdp=SDP, has_video=False),
    AnswerCall(**COMMAND, **CALL, browser_sdp=SDP),
    AnswerRequested(**COMMAND, **CALL),
    RenewMedia(**COMMAND, **CALL),
    RenewalOffered(browser_sdp=SDP),
    AnswerRenewal(**COMMAND, **CALL, browser_sdp=SDP),
    ReanchorMedia(**COMMAND, **CALL, browser_sdp=SDP),
    HangupCall(**COMMAND, **CALL, status=486, reason="Busy Here"),
    HoldCall(**COMMAND, **CALL, is_held=True),
    SendDtmf(**COMMAND, **CALL, digits="12#", duration_ms=160, method="rfc4733", gap_ms=80),
    PlaySound(**COMMAND, **CALL, sound=SOUND),
    StopSound(**COMMAND, **CALL),
    TransferCall(**COMMAND, **CALL, target="sip:dave@example.org"),
    CallProgress(**CALL, state="early", status=183, reason="Session Progress", browser_sdp=SDP),
    CallEstablished(**CALL, browser_sdp=SDP),
    CallHold(**CALL, local=True, remote=False),
    CallActionFailed(**CALL, action="transfer", status=603, reason="Decline"),
    DtmfReceived(**CALL, digit="5", duration_ms=160),
    SoundEnded(**CALL, sound=SOUND.name, outcome="stopped"),
    CallQuality(**CALL, legs=LEGS, unheard=("sip",)),
    TransferProgress(**CALL, status=180, reason="Ringing"),
    CallTransferred(**CALL, peer="sip:dave@example.org", peer_name="Dave"),
    CallEnded(**CALL, status=200, reason="OK", by="remote", was_established=True, media=MEDIA),
    SendMessage(
        **COMMAND,
        session_id=SESSION,
        message_id="t-abcdefgh12345678",
        to="sip:bob@example.org",
        body="Hello",
        headers={"Subject": "Hi"},
    ),
    IncomingMessage(
        **COMMAND,
        session_id=SESSION,
        message_id="t-abcdefgh12345678",
        sender="sip:bob@example.org",
        sender_name="Bob",
        body="Hello",
        call_id=CALL["call_id"],
    ),
    MessageSent(session_id=SESSION, message_id="t-abcdefgh12345678", status=200, reason="OK"),
    AllocateMedia(**COMMAND, **MEDIA_ID, call_id=CALL["call_id"], agent="agent-1", browser_sdp=SDP),
    SendSound(**COMMAND, **MEDIA_ID, play_id="p-abcdefgh12345678", sound=SOUND),
    EndSound(**COMMAND, **MEDIA_ID),
    MediaAllocated(media=MEDIA, sip_sdp=SDP),
    RebuildMedia(
        **COMMAND,
        **MEDIA_ID,
        call_id=CALL["call_id"],
        agent="agent-1",
        our_sdp=SDP,
        far_sdp=SDP,
        direction="sendonly",
    ),
    AnswerMedia(**COMMAND, **MEDIA_ID, side="sip", sdp=SDP, provisional=True, far_side=CALL_ID),
    OfferMedia(**COMMAND, **MEDIA_ID, side="sip", sdp=SDP, far_side=CALL_ID),
    RequestOffer(**COMMAND, **MEDIA_ID, side="sip", direction="sendonly", far_side=CALL_ID),
    MediaSdp(sdp=SDP, is_held=True),
    SendDigits(**COMMAND, **MEDIA_ID, digits="12,#", duration_ms=160, gap_ms=80),
    RequestKeyframe(**COMMAND, **MEDIA_ID, side="browser"),
    ReleaseMedia(**COMMAND, **MEDIA_ID),
    MediaConnected(**MEDIA_ID, call_id=CALL["call_id"]),
    MediaFailed(**MEDIA_ID, call_id=CALL["call_id"], reason="consent"),
    MediaQuality(**MEDIA_ID, call_id=CALL["call_id"], legs=LEGS, unheard=("browser", "sip")),
    MediaDigit(**MEDIA_ID, call_id=CALL["call_id"], side="sip", digit="5", duration_ms=160),
    SoundSent(**MEDIA_ID, call_id=CALL["call_id"], play_id="p-abcdefgh12345678", sound=SOUND.name, outcome="finished"),
    PictureWanted(**MEDIA_ID, call_id=CALL["call_id"]),
    Heartbeat(
        kind="agent",
        pod="agent-1",
        load=3,
        capacity=1000,
        draining=True,
        incarnation="i-bcdefghj34567890",
        full=True,
        address="192.0.2.1:5060",
    ),
    Probe(**COMMAND),
)


def tag(kind: type[Message]) -> str:
    return str(kind.__struct_config__.tag)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: tag(type(message)))
def test_a_message_has_the_json_of_its_golden_file(message: Message) -> None:
    golden = (GOLDEN / f"{tag(type(message))}.json").read_bytes()
    assert decode(golden) == message
    assert json.loads(encode(message)) == json.loads(golden)


def test_every_type_of_the_contract_has_one_golden_file() -> None:
    tags = {tag(kind) for kind in MESSAGE_TYPES}
    assert {tag(type(message)) for message in MESSAGES} == tags
    assert {path.stem for path in GOLDEN.glob("*.json")} == tags
