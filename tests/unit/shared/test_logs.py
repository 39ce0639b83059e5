"""No secret reaches the log."""

import pytest

from shared.logs import mask, mask_text


@pytest.mark.parametrize(
    "text",
    [
        '{"sip":{"login":"alice","password":"hunter2"}}',
        '{"sipPassword": "hunter2"}',
        'Authorization: Digest username="alice", response="hunter2"',
        "a=ice-pwd:hunter2",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2",
        "/ws?token=hunter2",
    ],
)
def test_secrets_inside_texts_are_starred(text: str) -> None:
    assert "hunter2" not in mask_text(text)


def test_values_of_secret_keys_are_starred() -> None:
    assert mask(None, "info", {"resume_token": "t", "sealed_password": "p", "call": "c"}) == {
        "resume_token": "***",
        "sealed_password": "***",
        "call": "c",
    }
