"""Records of calls that a test needs to be there, whatever they say."""

from typing import Any

from shared.records import CallRecord


def call_record(call_id: str, session_id: str, **changes: Any) -> CallRecord:
    """Return the record of a call that a session made and that is established, but for the changes."""
    given: dict[str, Any] = {
        "owner": "agent-1",
        "epoch": 1,
        "direction": "outgoing",
        "state": "established",
        "status": 200,
        "caller": "sip:alice@example.org",
        "callee": "sip:bob@example.org",
        "created_at": 0.0,
    }
    return CallRecord(call_id=call_id, session_id=session_id, **given | changes)
