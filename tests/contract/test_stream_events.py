"""The JSON of what other services are told is fixed: `golden/stream/<type>.json` holds one of each."""

import json
from pathlib import Path

import msgspec
import pytest

from shared.messages.stream import (
    TOLD_TYPES,
    CallEnded,
    CallEstablished,
    CallHeld,
    CallRinging,
    CallStarted,
    CallTransferred,
    ConnectionClosed,
    ConnectionLost,
    ConnectionOpened,
    ConnectionResumed,
    LegSummary,
    RegistrationChanged,
    Told,
    decode,
    encode,
    kind_of,
)

GOLDEN = Path(__file__).parent / "golden" / "stream"
TOLD = {"id": "agent-1-bcdefghj34567890-17", "at": 1793370000.5, "pod": "agent-1"}
SESSION = {**TOLD, "session_id": "s-hjkmnpqr01234567", "account": "alice@example.org"}
CALL = {
    **SESSION,
    "call_id": "c-abcdefgh12345678",
    "direction": "outgoing",
    "caller": "sip:alice@example.org",
    "callee": "sip:bob@example.net",
}

EVENTS: tuple[Told, ...] = (
    ConnectionOpened(**SESSION),
    ConnectionResumed(**SESSION),
    ConnectionLost(**SESSION),
    ConnectionClosed(**SESSION, reason="logged out"),
    RegistrationChanged(**SESSION, state="failed", status=403, reason="Forbidden"),
    CallStarted(**CALL),
    CallRinging(**CALL, status=180, reason="Ringing"),
    CallEstablished(**CALL),
    CallHeld(**CALL, local=True, remote=False),
    CallTransferred(**CALL, peer="sip:carol@example.net", peer_name="Carol"),
    CallEnded(
        **{**CALL, "id": "s-hjkmnpqr01234567.c-abcdefgh12345678.1793369900.000000"},
        caller_name="Alice",
        started_at=1793369900.0,
        ringing_at=1793369901.25,
        established_at=1793369905.5,
        ended_at=1793370000.5,
        duration=95.0,
        status=200,
        reason="Normal Call Clearing",
        by="remote",
        agent="agent-1",
        relay="relay-1",
        has_video=True,
        quality=(
            LegSummary(side="browser", kind="audio", loss=0.01, jitter=0.004, round_trip=0.08, mos=4.1, least_mos=3.6),
            LegSummary(side="sip", kind="audio", loss=0.0, jitter=0.002),
        ),
    ),
)


@pytest.mark.parametrize("event", EVENTS, ids=kind_of)
def test_an_event_has_the_json_of_its_golden_file(event: Told) -> None:
    golden = (GOLDEN / f"{kind_of(event)}.json").read_bytes()
    assert decode(golden) == event
    assert json.loads(encode(event)) == json.loads(golden)


def test_every_event_has_one_golden_file() -> None:
    kinds = {str(kind.__struct_config__.tag) for kind in TOLD_TYPES}
    assert {kind_of(event) for event in EVENTS} == kinds
    assert {path.stem for path in GOLDEN.glob("*.json")} == kinds


def test_a_reader_of_today_reads_an_event_with_fields_of_tomorrow() -> None:
    golden = json.loads((GOLDEN / "call.established.json").read_bytes())
    assert kind_of(decode(json.dumps({**golden, "new": 1}).encode())) == "call.established"


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"type":"call.forgotten"}')
