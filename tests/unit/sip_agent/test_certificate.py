"""Whom certificates stand for, against RFC 5922 §7."""

import pytest

from sip_agent.core.certificate import is_for


@pytest.mark.parametrize(
    ("alternatives", "domain", "is_good"),
    [
        ([("DNS", "Example.com")], "example.COM", True),
        ([("DNS", "sip.example.com")], "example.com", False),
        # §7.1: where there is a SIP URI, DNS names say nothing; one with a user is no domain's.
        ([("URI", "sip:example.com"), ("DNS", "other.com")], "example.com", True),
        ([("URI", "sip:example.com"), ("DNS", "other.com")], "other.com", False),
        ([("URI", "sip:alice@example.com"), ("DNS", "other.com")], "example.com", False),
        ([("URI", "https://example.com"), ("DNS", "example.com")], "example.com", True),
        # §7.2: no wildcards, on either side.
        ([("DNS", "*.example.com")], "sip.example.com", False),
        ([("DNS", "*.example.com")], "*.example.com", False),
        ([("IP Address", "192.0.2.1")], "192.0.2.1", True),
        ([("IP Address", "2001:DB8:0:0:0:0:0:1")], "2001:db8::1", True),
        ([("DNS", "192.0.2.1")], "192.0.2.2", False),
        ([], "example.com", False),
    ],
)
def test_identities(alternatives: list[tuple[str, str]], domain: str, is_good: bool) -> None:
    assert is_for({"subjectAltName": tuple(alternatives)}, domain) is is_good


def test_the_common_name_says_nothing() -> None:
    assert not is_for({"subject": ((("commonName", "example.com"),),)}, "example.com")
