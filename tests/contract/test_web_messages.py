"""The web protocol's JSON is fixed: `golden/web` holds examples of every message, which the SDK's tests read too."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from signaling.core import frames, requests

GOLDEN = Path(__file__).parent / "golden" / "web"
REPLIES: dict[str, type[Any]] = {
    "reply.ok.json": frames.Ok,
    "reply.ok.login.json": frames.SessionOk,
    "reply.ok.resume.json": frames.ResumeOk,
    "reply.ok.renew.json": frames.RenewOk,
    "reply.ok.ice.json": frames.IceOk,
    "reply.error.json": frames.Error,
    "reply.error.unreadable.json": frames.Error,
}


def files(prefix: str) -> list[str]:
    return sorted(path.name for path in GOLDEN.glob(f"{prefix}.*.json"))


def strictly(value: Any) -> Any:
    """Without the fields that the wire leaves out where they have their default."""
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("name", files("request"))
def test_a_request_of_the_sdk_is_read(name: str) -> None:
    text = (GOLDEN / name).read_text()
    request = requests.decode(text)
    assert name.split(".")[1] == frames.type_of(request)
    seen = strictly(request)
    assert {key: seen[key] for key in json.loads(text) if key != "sip"} == {
        key: value for key, value in json.loads(text).items() if key != "sip"
    }
    assert (seen.get("sip") or {}).items() >= json.loads(text).get("sip", {}).items()


@pytest.mark.parametrize("name", files("event"))
def test_an_event_has_the_json_of_its_golden_file(name: str) -> None:
    text = (GOLDEN / name).read_text()
    event = msgspec.json.decode(text, type=frames.AnyEvent)
    assert json.loads(frames.encode(event)) == json.loads(text)


@pytest.mark.parametrize("name", files("reply"))
def test_a_reply_has_the_json_of_its_golden_file(name: str) -> None:
    text = (GOLDEN / name).read_text()
    reply = msgspec.json.decode(text, type=REPLIES[name])
    assert json.loads(frames.encode(reply)) == json.loads(text)


def test_every_message_has_a_golden_file() -> None:
    asked = {json.loads((GOLDEN / name).read_text())["type"] for name in files("request")}
    assert asked == {str(kind.__struct_config__.tag) for kind in get_args(requests.AnyRequest)}
    told = {json.loads((GOLDEN / name).read_text())["type"] for name in files("event")}
    assert told == {str(kind.__struct_config__.tag) for kind in get_args(frames.AnyEvent)}
    assert set(files("reply")) == set(REPLIES)
