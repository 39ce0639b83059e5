"""Another pod is begun before those that there are would be too few without one of them."""

import re
from pathlib import Path
from typing import Any

import pytest
from deploy.kustomize import DEPLOY, with_components

from media_relay.settings import RelaySettings

Manifests = list[dict[str, Any]]

TOLERANCE = 1.1  # Kubernetes begins no other pod below so many times the threshold
# What the gauges count, by the setting that bounds it.
BOUNDED = {
    "cordboard_signaling_websocket_connections": "CORDBOARD_SIGNALING_CAPACITY",
    "cordboard_sip_agent_registrations": "CORDBOARD_AGENT_CAPACITY",
    "cordboard_media_relay_sessions_active": "CORDBOARD_RELAY_CAPACITY",
}


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    folder: Path = tmp_path_factory.mktemp("scaled")
    return with_components(folder, [DEPLOY / "k8s" / "components" / "autoscaling"])


def scaled(manifests: Manifests) -> Manifests:
    return [one["spec"] for one in manifests if one["kind"] == "ScaledObject"]


def check_one_can_be_lost(spec: dict[str, Any], threshold: float, capacity: float) -> None:
    """What all pods have just before another one is begun, all but one can have."""
    for pods in range(spec["minReplicaCount"], spec["maxReplicaCount"] + 1):
        assert pods * TOLERANCE * threshold <= (pods - 1) * capacity, pods


def threshold_of(manifests: Manifests, gauge: str) -> tuple[dict[str, Any], int]:
    """Return what scales by a gauge, the first of its query, and what each pod has then."""
    ((spec, threshold),) = [
        (spec, int(trigger["metadata"]["threshold"]))
        for spec in scaled(manifests)
        for trigger in spec["triggers"]
        if trigger["type"] == "prometheus" and re.findall(r"cordboard_\w+", trigger["metadata"]["query"])[0] == gauge
    ]
    return spec, threshold


@pytest.mark.parametrize("gauge", BOUNDED)
def test_the_others_have_room_for_what_one_pod_has(gauge: str, manifests: Manifests) -> None:
    (settings,) = [one["data"] for one in manifests if one["kind"] == "ConfigMap"]
    check_one_can_be_lost(*threshold_of(manifests, gauge), int(settings[BOUNDED[gauge]]))


def test_the_other_relays_have_ports_for_the_calls_of_one(manifests: Manifests) -> None:
    (settings,) = [one["data"] for one in manifests if one["kind"] == "ConfigMap"]
    pairs = (int(settings["CORDBOARD_RELAY_RTP_MAX"]) + 1 - int(settings["CORDBOARD_RELAY_RTP_MIN"])) // 2
    check_one_can_be_lost(*threshold_of(manifests, "cordboard_media_relay_ports_used"), pairs)


def test_the_others_have_cpu_for_what_one_pod_does(manifests: Manifests) -> None:
    workloads = {one["metadata"]["name"]: one for one in manifests if one["kind"] in ("Deployment", "StatefulSet")}
    for spec in scaled(manifests):
        (share,) = [int(each["metadata"]["value"]) / 100 for each in spec["triggers"] if each["type"] == "cpu"]
        (container,) = workloads[spec["scaleTargetRef"]["name"]]["spec"]["template"]["spec"]["containers"]
        requested = container["resources"]["requests"]["cpu"]
        cores = int(requested[:-1]) / 1000 if requested.endswith("m") else float(requested)
        check_one_can_be_lost(spec, share * cores, RelaySettings(pod="p").max_cpu)
