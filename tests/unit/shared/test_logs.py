"""No secret reaches the log."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.logs import mask, mask_text, set_up
from shared.settings import CommonSettings


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configuration = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_tells_no_values_of_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("test", CommonSettings(pod="p", log_format=log_format))  # type: ignore[arg-type]

    def fail(password: str) -> None:
        raise ValueError(len(password))

    try:
        fail("-".join(["hunter", "2"]))
    except ValueError:
        structlog.get_logger("test").exception("failed")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert "hunter-2" not in written


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
