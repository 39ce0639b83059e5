"""What the deployment files and the operations page set are settings that exist."""

import re
from pathlib import Path

import msgspec
import pytest

from media_relay.settings import RelaySettings
from shared.settings import CommonSettings, StreamSettings
from signaling.settings import Settings as SignalingSettings
from sip_agent.settings import Settings as AgentSettings

ROOT = Path(__file__).parents[3]
FILES = ["docker-compose.yml", "scripts/up", *(str(p.relative_to(ROOT)) for p in ROOT.glob("deploy/k8s/**/*.yaml"))]
FILES = [name for name in FILES if "CORDBOARD_" in (ROOT / name).read_text()]
SERVICES = {"SIGNALING": SignalingSettings, "AGENT": AgentSettings, "RELAY": RelaySettings}
SCRIPT_ONLY = {"CORDBOARD_STATE", "CORDBOARD_NATS_PORT"}  # of `make up` itself


def known() -> set[str]:
    """Every variable that a service reads."""
    common = {f"CORDBOARD_{field.name.upper()}" for field in msgspec.structs.fields(StreamSettings)}
    own = {
        f"CORDBOARD_{prefix}_{field.name.upper()}"
        for prefix, settings in SERVICES.items()
        for field in msgspec.structs.fields(settings)
    }
    return common | own | {"CORDBOARD_SECRET", "CORDBOARD_SECOND_SECRET"}


@pytest.mark.parametrize("name", FILES)
def test_every_variable_that_is_set_is_read(name: str) -> None:
    named = set(re.findall(r"CORDBOARD_[A-Z0-9_]+", (ROOT / name).read_text())) - SCRIPT_ONLY
    assert named <= known()


def test_each_service_is_told_something() -> None:
    assert {f"deploy/k8s/base/{name}.yaml" for name in ("signaling", "sip-agent", "media-relay")} <= set(FILES)


@pytest.mark.parametrize(("prefix", "settings"), SERVICES.items())
def test_the_operations_page_has_every_setting_and_no_other(prefix: str, settings: type[CommonSettings]) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.split(f"`CORDBOARD_{prefix}_<NAME>`", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`[A-Z0-9_`, ]+`) \|", section, re.MULTILINE)
    documented = set(re.findall(r"[A-Z0-9_]+", " ".join(rows)))
    shared = {field.name for field in msgspec.structs.fields(StreamSettings)} | {"secret", "second_secret"}
    assert documented == {field.name.upper() for field in msgspec.structs.fields(settings)} - {
        n.upper() for n in shared
    }
