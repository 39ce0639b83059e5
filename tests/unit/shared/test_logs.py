"""No secret reaches the log."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.logs import mask, set_up
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


def test_values_of_secret_keys_are_starred() -> None:
    assert mask(None, "info", {"resume_token": "t", "sealed_password": "p", "url": "nats://u:p@bus", "call": "c"}) == {
        "resume_token": "***",
        "sealed_password": "***",
        "url": "nats://***@bus",
        "call": "c",
    }
