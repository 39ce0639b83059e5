"""The bodies of WCS's REST API, translated: what is asked to our own terms, what there is to WCS's objects.

Numbers and flags may be texts, as WCS's own examples have them. What has no meaning here is let be: streams that a call
is captured to (`toStream`, `rtmpUrl`), and video.
"""

from dataclasses import dataclass
from typing import Any

from shared.records import AccountRecord, CallRecord

from ..agent_events import address
from ..errors import bad_request
from ..requests import LoginRequest, SipCredentials, convert
from .account import account_of
from .call import DTMF_METHODS, native_id
from .wire import flag_of, text_of

_STATUS = {
    "incoming": "RING",
    "trying": "TRYING",
    "ringing": "RING",
    "early": "SESSION_PROGRESS",
    "established": "ESTABLISHED",
    "ended": "FINISH",
}
_REGISTRATION = {
    "none": "ESTABLISHED",
    "registering": "ESTABLISHED",
    "registered": "REGISTERED",
    "failed": "FAILED",
    "unregistered": "UNREGISTERED",
}
_LONGEST_NAME = 128
_SOUND_FIELDS = ("fileName", "soundFile", "sound")


@dataclass(frozen=True)
class Startup:
    """`/call/startup`: a call of an account, to a callee. `name` is the caller's own id of it."""

    name: str
    callee: str
    credentials: SipCredentials
    app_key: str


def read_startup(body: dict[str, Any]) -> Startup:
    """Return the call that is asked for; raise `PageError`."""
    callee = text_of(body, "callee")
    if not callee:
        raise bad_request("callee is missing")
    return Startup(read_call_id(body), callee, read_account(body), text_of(body, "appKey"))


def read_account(body: dict[str, Any]) -> SipCredentials:
    """Return the account that is asked for; raise `PageError`."""
    asked = account_of({"sipRegisterRequired": False, **body})
    login = convert({"type": "login", "id": "rest", "version": 1, "sip": asked})
    assert isinstance(login, LoginRequest) and login.sip is not None
    return login.sip


def read_call_id(body: dict[str, Any]) -> str:
    """Return the id of a call as the caller has chosen it, or as it was told; raise `PageError`."""
    name = text_of(body, "callId")
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise bad_request("callId is missing, or is no short text")
    return name


def read_session_id(body: dict[str, Any]) -> str:
    """Return the id of a connection; raise `PageError`."""
    session = text_of(body, "sessionId")
    if not session:
        raise bad_request("sessionId is missing")
    return session


def native_ids(name: str) -> tuple[str, str]:
    """Return the ids that a call may have here: one that was chosen, by its hash; one that was told, as it is."""
    return native_id(name), name


def read_digits(body: dict[str, Any]) -> tuple[str, str]:
    """Return digits and the way to send them; raise `PageError`."""
    method = DTMF_METHODS.get(text_of(body, "type").upper())
    if method is None:
        raise bad_request("Unknown Type Of DTMF")
    return text_of(body, "dtmf").upper(), method


def read_sound(body: dict[str, Any]) -> tuple[str, bool]:
    """Return the name of a sound, and whether it goes on again and again; raise `PageError`."""
    name = next((text for field in _SOUND_FIELDS if (text := text_of(body, field))), "")
    if not name:
        raise bad_request("fileName is missing")
    return name, flag_of(body, "loop", default=False)


def call_object(record: CallRecord, name: str) -> dict[str, Any]:
    """Return a call as WCS tells it; `name` is the caller's id of it, empty where he has chosen none."""
    is_held = record.local_hold and record.state == "established"
    return {
        "custom": {},
        "nodeId": record.owner,
        "appKey": None,
        "sessionId": record.session_id,
        "callId": name or record.call_id,
        "parentCallId": None,
        "incoming": record.direction == "incoming",
        "status": "HOLD" if is_held else _STATUS[record.state],
        "sipStatus": record.status,
        "rtmpUrl": None,
        "rtmpStream": None,
        "streamName": None,
        "rtmpStreamStatus": None,
        "caller": _user(record.caller),
        "callee": _user(record.callee),
        "hasAudio": True,
        "hasVideo": record.has_video,
        "sdp": None,
        "visibleName": record.caller_name or _user(record.caller),
        "inviteParameters": None,
        "mediaProvider": None if record.is_headless else "WebRTC",
        "sipMessageRaw": None,
        "isMsrp": False,
        "target": None,
        "holdForTransfer": False,
    }


def connection_object(record: AccountRecord) -> dict[str, Any]:
    """Return a session as WCS tells it, without its password."""
    account = record.account
    return {
        "nodeId": record.owner,
        "appKey": None,
        "sessionId": record.session_id,
        "status": _REGISTRATION[record.registration],
        "sipLogin": account.login,
        "sipAuthenticationName": account.auth_name or account.login,
        "sipDomain": account.domain,
        "sipOutboundProxy": account.outbound_proxy or account.domain,
        "sipPort": account.port,
        "sipRegisterRequired": account.register_required,
        "sipVisibleName": account.display_name,
        "mediaProviders": ["WebRTC"] if record.pod else [],
    }


def fits(told: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether an object is one of those asked for: each field that is given is the same."""
    return all(value is None or told.get(field) == value for field, value in asked.items())


def _user(uri: str) -> str:
    return address(uri).partition("@")[0]
