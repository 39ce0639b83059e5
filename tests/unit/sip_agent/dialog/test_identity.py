"""Who an account is."""

import pytest
from tests.support.sip_calls import CONTACT, make_identity

from sip_agent.core.dialog.identity import Identity

SECURE = "sips:s-1@192.0.2.1:5061"


@pytest.mark.parametrize(
    ("uri", "contact"), [("sip:bob@example.com", CONTACT), ("sips:bob@example.com", SECURE), ("SIPS:b@h", SECURE)]
)
def test_a_call_to_a_sips_uri_has_a_sips_contact(uri: str, contact: str) -> None:
    plain = make_identity()
    identity = Identity(plain.address, plain.contact, plain.digest, SECURE)
    assert identity.within(uri).contact == contact
    assert identity.within(uri).digest is identity.digest  # one nonce count
