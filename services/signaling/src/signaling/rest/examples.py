"""Examples of what can be asked, for the OpenAPI document."""

from typing import Any

ACCOUNT = {"login": "alice", "password": "alice-pw"}

NEW_SESSION: dict[str, Any] = {
    "own domain": {"value": {"account": ACCOUNT, "idle_seconds": 600.0}},
    "SIP server": {
        "value": {"account": {"login": "10009", "password": "1234", "domain": "sip.example.org", "register": True}}
    },
    "takes calls": {"value": {"account": {**ACCOUNT, "register": True}, "takes_calls": True, "idle_seconds": 86400.0}},
}
NEW_CALL: dict[str, Any] = {
    "SIP to a sound": {
        "value": {"account": ACCOUNT, "to": "bob", "sound": {"name": "welcome"}, "hang_up_after_sound": True}
    },
    "two SIP parties": {
        "value": {"session": "s-abcdefgh12345678", "to": "bob", "join": {"to": "sip:carol@sip.example.org"}}
    },
}
HANGUP: dict[str, Any] = {"plain": {"value": {}}, "busy": {"value": {"status": 486, "reason": "Busy Here"}}}
DTMF: dict[str, Any] = {
    "extension": {"value": {"digits": "12#"}},
    "by INFO": {"value": {"digits": "5", "method": "info"}},
}
TRANSFER: dict[str, Any] = {"blind": {"value": {"to": "carol"}}, "attended": {"value": {"other": "c-abcdefgh12345678"}}}
SOUND: dict[str, Any] = {"once": {"value": {"name": "welcome"}}, "music": {"value": {"name": "music", "loop": True}}}
