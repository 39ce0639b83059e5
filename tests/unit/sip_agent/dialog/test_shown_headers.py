"""What of an INVITE reaches a page, and whom to believe."""

import pytest
from tests.support.sip_calls import make_invite

from sip_agent.core.dialog.shown_headers import MAX_FIELDS, MAX_VALUE, asserted_identity, shown
from sip_agent.core.events import Flow
from sip_agent.core.origin import read_networks

TRUSTED = read_networks(["192.0.2.7", "2001:db8::/32"])
BOB = ("P-Asserted-Identity", '"Bob" <sip:bob@example.com>, <tel:+15551234>')


def test_its_own_fields_and_a_few_known_ones_are_shown() -> None:
    invite = make_invite(headers=[("X-Ticket", "7"), ("s", "lunch"), ("alert-info", "<urn:alert:source:internal>")])
    assert shown(invite) == {"X-Ticket": "7", "Subject": "lunch", "Alert-Info": "<urn:alert:source:internal>"}


def test_fields_of_one_name_are_one() -> None:
    invite = make_invite(headers=[("X-A", "1"), ("Call-Info", "<a>"), ("X-A", "2"), ("CALL-INFO", "<b>")])
    assert shown(invite) == {"X-A": "1, 2", "Call-Info": "<a>, <b>"}


def test_they_are_few_and_short_and_text() -> None:
    many = [(f"X-{number}", "v") for number in range(3 * MAX_FIELDS)]
    assert len(shown(make_invite(headers=many))) == MAX_FIELDS
    assert shown(make_invite(headers=[("X-Long", "v" * (MAX_VALUE + 1))])) == {}
    assert shown(make_invite(headers=[("X-Raw", "a\tb\udcff")])) == {"X-Raw": "a b\ufffd"}


@pytest.mark.parametrize(
    ("source", "headers", "expected"),
    [
        ("192.0.2.7", [BOB], '"Bob" <sip:bob@example.com>'),
        ("2001:db8::9", [BOB], '"Bob" <sip:bob@example.com>'),
        ("192.0.2.8", [BOB], ""),
        ("192.0.2.7", [BOB, ("Privacy", "id")], ""),
        ("192.0.2.7", [("P-Asserted-Identity", "<<")], ""),
        ("192.0.2.7", [], ""),
    ],
)
def test_who_calls_is_believed_of_trusted_servers_alone(
    source: str, headers: list[tuple[str, str]], expected: str
) -> None:
    assert asserted_identity(make_invite(headers=headers), Flow("udp", source, 5060), TRUSTED) == expected
