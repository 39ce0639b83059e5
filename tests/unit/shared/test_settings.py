"""Settings from the environment."""

import pytest

from shared.errors import LocalError
from shared.settings import CommonSettings, load, masked


class PhoneSettings(CommonSettings, frozen=True, kw_only=True):
    secret: str
    port: int = 5060
    addresses: tuple[str, ...] = ()


def test_common_and_own_variables_are_read_and_typed() -> None:
    settings = load(
        PhoneSettings,
        "phone",
        {
            "CORDBOARD_NATS_URL": "nats://bus",
            "CORDBOARD_SECRET": "s",
            "CORDBOARD_PHONE_PORT": "5070",
            "CORDBOARD_PHONE_ADDRESSES": "10.0.0.1, 10.0.0.2",
        },
    )
    assert (settings.nats_url, settings.port, settings.addresses) == ("nats://bus", 5070, ("10.0.0.1", "10.0.0.2"))
    assert settings.pod.startswith("phone-") and "." not in settings.pod


def test_a_wrong_value_is_told_with_its_variable() -> None:
    with pytest.raises(LocalError, match="CORDBOARD_PHONE_PORT"):
        load(PhoneSettings, "phone", {"CORDBOARD_SECRET": "s", "CORDBOARD_PHONE_PORT": "many"})


def test_a_missing_value_is_told() -> None:
    with pytest.raises(LocalError, match="secret"):
        load(PhoneSettings, "phone", {})


def test_secrets_are_masked_for_the_log() -> None:
    shown = masked(PhoneSettings(secret="hidden", nats_password="hidden"))
    assert "hidden" not in str(shown) and shown["port"] == 5060


def test_secrets_inside_settings_are_masked_and_switches_are_not() -> None:
    class OfSignaling(CommonSettings, frozen=True, kw_only=True):
        ice_servers: str
        urls: tuple[str, ...]
        jwt_key: str = ""
        rest_tokens: bool = True

    shown = masked(
        OfSignaling(
            nats_url="nats://user:hidden@a:4222,nats://user:hidden@b:4222",
            ice_servers='[{"urls": ["turn:turn.example.org"], "username": "u", "credential": "hidden, hidden"}]',
            urls=("https://hidden@one.example.org/path", "https://two.example.org"),
        )
    )
    assert shown["nats_url"] == "nats://***@a:4222,nats://***@b:4222"
    assert shown["ice_servers"] == '[{"urls": ["turn:turn.example.org"], "username": "u", "credential": "***"}]'
    assert shown["urls"] == ("https://***@one.example.org/path", "https://two.example.org")
    assert (shown["rest_tokens"], shown["jwt_key"]) == (True, "")
