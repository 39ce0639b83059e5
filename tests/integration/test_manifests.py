"""What Kubernetes is given, however it is put together: it fits together, and nothing may do more than it needs."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.kustomize import OVERLAYS, Manifest, build, pairs, with_components

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
SERVICES = {"signaling", "sip-agent", "media-relay"}


@pytest.fixture(params=pairs(), ids=lambda some: "+".join(one.name for one in some) or "base")
def manifests(request: pytest.FixtureRequest, tmp_path: Path) -> list[Manifest]:
    return with_components(tmp_path, request.param)


@pytest.fixture(params=OVERLAYS, ids=lambda path: path.name)
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return build(request.param)


def workloads(manifests: list[Manifest]) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in WORKLOADS]


def name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def check_secured(workload: Manifest) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert ":" in container["image"] and not container["image"].endswith(":latest")
        assert {"livenessProbe", "readinessProbe"} <= container.keys()
        assert "memory" in container["resources"]["limits"] and "cpu" not in container["resources"]["limits"]


def check_refers(manifests: list[Manifest]) -> None:
    """What one names is there: config maps, accounts, services, what is scaled or may be disrupted."""
    there = {name(one) for one in manifests}
    for workload in workloads(manifests):
        pod = workload["spec"]["template"]["spec"]
        assert f"ServiceAccount/{pod['serviceAccountName']}" in there
        named = [source["configMapRef"]["name"] for container in pod["containers"] for source in _sources(container)]
        named += [volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume]
        assert {f"ConfigMap/{one}" for one in named} <= there
        mounts = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", [])}
        claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        assert mounts == {volume["name"] for volume in pod.get("volumes", [])} | claims
    labels = [workload["spec"]["template"]["metadata"]["labels"].items() for workload in workloads(manifests)]
    for one in manifests:
        if one["kind"] in ("Service", "PodDisruptionBudget"):
            selector = one["spec"]["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= some for some in labels), name(one)
        if one["kind"] == "ScaledObject":
            target = one["spec"]["scaleTargetRef"]
            assert f"{target.get('kind', 'Deployment')}/{target['name']}" in there


def _sources(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [source for source in container.get("envFrom", []) if "configMapRef" in source]


def test_any_components_fit_together(manifests: list[Manifest]) -> None:
    check_refers(manifests)
    for workload in workloads(manifests):
        check_secured(workload)
    assert {one["metadata"]["name"] for one in workloads(manifests)} >= SERVICES
    names = [name(one) for one in manifests]
    assert len(set(names)) == len(names)


def test_an_overlay_fits_together(overlay: list[Manifest]) -> None:
    check_refers(overlay)
    for workload in workloads(overlay):
        check_secured(workload)
    assert all(one["metadata"].get("namespace", "cordboard") == "cordboard" for one in overlay)


def test_every_service_may_be_disrupted_one_at_a_time_and_has_time_to_leave(overlay: list[Manifest]) -> None:
    budgets = {one["metadata"]["name"]: one["spec"] for one in overlay if one["kind"] == "PodDisruptionBudget"}
    for service in SERVICES:
        assert budgets[service]["maxUnavailable"] == 1
    for workload in workloads(overlay):
        assert workload["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30) >= 30


def test_pods_on_the_nodes_network_are_admitted(overlay: list[Manifest]) -> None:
    on_host = [one for one in workloads(overlay) if one["spec"]["template"]["spec"].get("hostNetwork")]
    (namespace,) = [one for one in overlay if one["kind"] == "Namespace"]
    level = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert level == ("privileged" if on_host else "restricted")
    for workload in on_host:
        for container in workload["spec"]["template"]["spec"]["containers"]:
            for port in container["ports"]:
                assert port["name"] == "ops" or port["hostPort"] == port["containerPort"]
