"""Where URIs are."""

import pytest

from shared.errors import RemoteError
from sip_agent.core.events import Flow
from sip_agent.core.syntax.uri import SipUri
from sip_agent.resolve import resolve


@pytest.mark.parametrize(
    ("uri", "transport", "flow"),
    [
        ("sip:bob@192.0.2.1", "", Flow("udp", "192.0.2.1", 5060)),
        ("sip:192.0.2.1:5070", "tcp", Flow("tcp", "192.0.2.1", 5070)),
        ("sip:192.0.2.1;transport=TCP", "udp", Flow("tcp", "192.0.2.1", 5060)),
        ("sip:example.invalid;maddr=192.0.2.9", "", Flow("udp", "192.0.2.9", 5060)),
        ("sip:localhost", "", Flow("udp", "127.0.0.1", 5060)),
    ],
)
async def test_literals_and_names(uri: str, transport: str, flow: Flow) -> None:
    assert await resolve(SipUri.parse(uri), transport) == flow


@pytest.mark.parametrize(
    ("uri", "status"),
    [("sips:192.0.2.1", 501), ("sip:192.0.2.1;transport=ws", 501), ("sip:no.such.invalid", 503), ("sip:a..b", 503)],
)
async def test_what_cannot_be_reached_is_refused(uri: str, status: int) -> None:
    with pytest.raises(RemoteError) as caught:
        await resolve(SipUri.parse(uri))
    assert caught.value.status == status
