"""Another pod is begun before those that there are refuse anything."""

import re
from pathlib import Path
from typing import Any

import pytest
from deploy.kustomize import DEPLOY, with_components

from media_relay.settings import RelaySettings

ROOM = 0.7  # of a pod, at most, is in use when another one is begun
# What the gauges count, by the setting that bounds it.
BOUNDED = {
    "cordboard_signaling_websocket_connections": "CORDBOARD_SIGNALING_CAPACITY",
    "cordboard_sip_agent_registrations": "CORDBOARD_AGENT_CAPACITY",
    "cordboard_media_relay_sessions_active": "CORDBOARD_RELAY_CAPACITY",
}


@pytest.fixture(scope="module")
def thresholds(manifests: list[dict[str, Any]]) -> dict[str, int]:
    """What each pod has when another one is begun, by the first gauge of the query."""
    found: dict[str, int] = {}
    for trigger in (t for one in manifests if one["kind"] == "ScaledObject" for t in one["spec"]["triggers"]):
        if trigger["type"] == "prometheus":
            gauge = re.search(r"cordboard_\w+", trigger["metadata"]["query"])
            assert gauge
            found[gauge[0]] = int(trigger["metadata"]["threshold"])
    return found


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("scaled")
    return with_components(folder, [DEPLOY / "k8s" / "components" / "autoscaling"])


@pytest.mark.parametrize("gauge", BOUNDED)
def test_pods_are_added_before_they_are_full(
    gauge: str, thresholds: dict[str, int], manifests: list[dict[str, Any]]
) -> None:
    (settings,) = [one["data"] for one in manifests if one["kind"] == "ConfigMap"]
    assert thresholds[gauge] <= ROOM * int(settings[BOUNDED[gauge]])


def test_relays_are_added_before_their_ports_are_used_up(thresholds: dict[str, int]) -> None:
    default = RelaySettings(pod="p")
    pairs = (default.rtp_max + 1 - default.rtp_min) // 2
    assert thresholds["cordboard_media_relay_ports_used"] <= ROOM * pairs
