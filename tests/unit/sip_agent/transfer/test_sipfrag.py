"""What a NOTIFY says about a referred call."""

import pytest

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request
from sip_agent.core.transfer.sipfrag import Report, read, write


def notify(
    body: bytes, state: str = "active;expires=60", event: str = "refer", kind: str = "message/sipfrag"
) -> Request:
    return Request("NOTIFY", "sip:a@b", [("Event", event), ("Subscription-State", state), ("Content-Type", kind)], body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (write(180, "Ringing"), (180, "Ringing")),
        (b"SIP/2.0 200 OK", (200, "OK")),
        (b"SIP/2.0 603\r\n", (603, "")),
        (b"\r\nSIP/2.0 486 Busy Here\r\nContact: <sip:x@y>\r\n", (486, "Busy Here")),
        (b"SIP/2.0 100 Trying\n", (100, "Trying")),
        (b"nonsense", (0, "")),
        (b"SIP/2.0 999 No", (0, "")),
        (b"", (0, "")),
    ],
)
def test_the_status_line_is_read(body: bytes, expected: tuple[int, str]) -> None:
    assert read(notify(body)) == Report(*expected, is_last=False)


def test_the_last_one_is_known_by_its_state() -> None:
    assert read(notify(b"", "Terminated;reason=noresource")) == Report(0, "", True)


def test_a_body_of_another_type_says_nothing() -> None:
    assert read(notify(write(200, "OK"), kind="text/plain")).status == 0


@pytest.mark.parametrize("event", ["refer", "Refer;id=7"])
def test_the_event_may_have_an_id(event: str) -> None:
    assert read(notify(write(200, "OK"), event=event)).status == 200


@pytest.mark.parametrize("event", ["presence", ""])
def test_another_event_is_refused(event: str) -> None:
    with pytest.raises(SipError) as refused:
        read(notify(b"", event=event))
    assert refused.value.status == 489
