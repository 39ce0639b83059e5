"""What is starred, and what is not."""

from typing import Any, NamedTuple

import pytest

from shared.masking import mask_text, mask_value


class Address(NamedTuple):
    host: str
    port: int


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"sip":{"login":"alice","password":"hunter2"}}', '{"sip":{"login":"alice","password":"***"}}'),
        ('{"sipPassword": "hunter2"}', '{"sipPassword": "***"}'),
        (r'{"password":"hunter2\"hunter2, hunter2","x":1}', '{"password":"***","x":1}'),
        ('{"password":"hunter2 hunter2', '{"password":"***"'),
        ('{"password":"hunter2\\', '{"password":"***"'),
        ("{'password': 'hunter2'}", "{'password': ***"),
        (
            'Authorization: Digest username="alice", response="hunter2", uri="sip:b"',
            'Authorization: Digest username="alice", response="***", uri="sip:b"',
        ),
        ("a=ice-pwd:hunter2\r\na=sendrecv", "a=ice-pwd:***\r\na=sendrecv"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***"),
        ("/ws?token=hunter2", "/ws?token=***"),
        ("cannot reach nats://alice:hunter2@bus:4222", "cannot reach nats://***@bus:4222"),
        ("nats://alice:hunter2@hunter2@bus", "nats://***@bus"),
        ("nats://a,nats://alice:hunter2@b,nats://c", "nats://a,nats://***@b,nats://c"),
        ("https://hunter2@[2001:db8::1]:8443/x", "https://***@[2001:db8::1]:8443/x"),
    ],
)
def test_secrets_inside_texts_are_starred(text: str, shown: str) -> None:
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    "text", ["https://example.org/find?by=bob@example.org", "https://example.org/@bob", "sip:bob@example.org", ""]
)
def test_addresses_are_left_as_they_are(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("nats_password", "x", "***"),
        ("jwt_key", "x", "***"),
        ("rest_keys", "keys.toml", "***"),
        ("sealed", b"x", "***"),
        ("credential", ("x",), "***"),
        ("keys", 3, 3),
        ("keyframes", "x", "x"),
        ("rest_tokens", True, True),
        ("secret", "", ""),
        ("password", None, None),
        ("account", {"login": "alice", "password": "x"}, {"login": "alice", "password": "***"}),
        ("seconds", 3.0, 3.0),
        ("address", Address("nats://x@h", 1), ("nats://***@h", 1)),
        ("errors", ["token=x"], ["token=***"]),
    ],
)
def test_values_are_starred_by_their_names(name: str, value: Any, shown: Any) -> None:
    assert mask_value(name, value) == shown
