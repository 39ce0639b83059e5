"""What Kubernetes is given, however it is put together: it fits together, and nothing may do more than it needs."""

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from deploy.kustomize import DEPLOY, OVERLAYS, Manifest, alone_and_together, build, with_components
from deploy.schemas import faults

from signaling.settings import Settings
from sip_agent.settings import Settings as AgentSettings

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
SERVICES = {"signaling", "sip-agent", "media-relay"}
ENDS_WITHIN = 20.0  # seconds, of a pod that has nothing left
MOST_PODS = 3  # that have load balancers of their own
# coturn's program is marked with it (`setcap`), and cannot be started by whom it is kept from.
CAPABILITIES = {"coturn": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}


@pytest.fixture(params=alone_and_together(), ids=lambda some: "+".join(one.name for one in some) or "base")
def manifests(request: pytest.FixtureRequest, tmp_path: Path) -> list[Manifest]:
    return with_components(tmp_path, request.param)


@pytest.fixture(params=OVERLAYS, ids=lambda path: path.name)
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return build(request.param)


def workloads(manifests: list[Manifest]) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in WORKLOADS]


def name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def labels_of_pods(workload: Manifest) -> list[dict[str, str]]:
    """Return what a workload's pods are known by; of a StatefulSet's also the names, which Kubernetes adds."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    if workload["kind"] != "StatefulSet":
        return [labels]
    name = workload["metadata"]["name"]
    return [{**labels, "statefulset.kubernetes.io/pod-name": f"{name}-{number}"} for number in range(MOST_PODS)]


def check_secured(workload: Manifest) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == CAPABILITIES.get(container["name"], {"drop": ["ALL"]})
        assert ":" in container["image"] and not container["image"].endswith(":latest")
        assert {"livenessProbe", "readinessProbe"} <= container.keys()
        assert "memory" in container["resources"]["limits"] and "cpu" not in container["resources"]["limits"]


def check_expands(container: dict[str, Any]) -> None:
    """Kubernetes knows in a variable's value those that stand before it; what it does not know stays as it is."""
    before: set[str] = set()
    for variable in container.get("env", []):
        assert set(re.findall(r"\$\((\w+)\)", variable.get("value", ""))) <= before, variable
        before.add(variable["name"])
    told = " ".join([*container.get("command", []), *container.get("args", [])])
    assert set(re.findall(r"\$\((\w+)\)", told)) <= before


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
        for container in pod["containers"]:
            check_expands(container)
    labels = list(chain.from_iterable(labels_of_pods(workload) for workload in workloads(manifests)))
    for one in manifests:
        if one["kind"] in ("Service", "PodDisruptionBudget"):
            selector = one["spec"]["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= some.items() for some in labels), name(one)
        if one["kind"] == "ScaledObject":
            check_scales(one, manifests)


def check_scales(scaled: Manifest, manifests: list[Manifest]) -> None:
    """Its target is there, and has no number of its own, which each `kubectl apply` would go back to."""
    wanted = scaled["spec"]["scaleTargetRef"]
    (target,) = [one for one in manifests if name(one) == f"{wanted.get('kind', 'Deployment')}/{wanted['name']}"]
    assert "replicas" not in target["spec"]


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


def test_every_service_drains_from_its_hook_on_within_the_time_that_it_has(overlay: list[Manifest]) -> None:
    pods = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in workloads(overlay)}
    for service in SERVICES:
        (container,) = pods[service]["containers"]
        python, module, name, *after = container["lifecycle"]["preStop"]["exec"]["command"]
        assert [python, module, name] == ["python", "-m", "shared.drain"]
        env = {variable["name"]: variable.get("value", "") for variable in container["env"]}
        assert env["CORDBOARD_OPS_PORT"].isdigit()  # where the command finds the pod
        told = [value for variable, value in env.items() if variable.endswith("_DRAIN_SECONDS")]
        seconds = float(told[0]) if told else Settings().drain_seconds
        waits = float(after[1]) if after else 0.0
        assert waits + seconds + ENDS_WITHIN <= pods[service]["terminationGracePeriodSeconds"]


def test_a_server_of_nats_has_left_before_it_is_killed(tmp_path: Path) -> None:
    manifests = with_components(tmp_path, [DEPLOY / "nats"])
    (server,) = [one for one in workloads(manifests) if one["metadata"]["name"] == "nats"]
    (files,) = [one["data"] for one in manifests if name(one).startswith("ConfigMap/nats")]
    leaves = re.search(r'^lame_duck_duration: "(\d+)s"$', files["cluster.conf"], re.MULTILINE)
    assert leaves and server["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > int(leaves[1])


def in_bytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([MG])i?B?", size).groups()  # type: ignore[union-attr]
    return int(number) * {"M": 2**20, "G": 2**30}[unit]


def test_a_server_of_nats_stores_no_more_than_its_disk_and_memory_hold(tmp_path: Path) -> None:
    manifests = with_components(tmp_path, [DEPLOY / "nats"])
    (spec,) = [one["spec"] for one in workloads(manifests) if one["metadata"]["name"] == "nats"]
    (files,) = [one["data"] for one in manifests if name(one).startswith("ConfigMap/nats")]
    bounds = dict(re.findall(r"(max_\w+): (\w+)", files["cluster.conf"]))
    (disk,) = [claim["spec"]["resources"]["requests"]["storage"] for claim in spec["volumeClaimTemplates"]]
    server = spec["template"]["spec"]["containers"][0]
    memory = in_bytes(server["resources"]["limits"]["memory"])
    (for_go,) = [in_bytes(one["value"]) for one in server["env"] if one["name"] == "GOMEMLIMIT"]
    assert in_bytes(bounds["max_file_store"]) <= 0.8 * in_bytes(disk)
    assert in_bytes(bounds["max_memory_store"]) <= for_go / 2 and for_go <= 0.9 * memory


def test_pods_on_the_nodes_network_are_admitted(overlay: list[Manifest]) -> None:
    on_host = [one for one in workloads(overlay) if one["spec"]["template"]["spec"].get("hostNetwork")]
    (namespace,) = [one for one in overlay if one["kind"] == "Namespace"]
    level = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert level == ("privileged" if on_host else "restricted")
    for workload in on_host:
        for container in workload["spec"]["template"]["spec"]["containers"]:
            for port in container["ports"]:
                assert port["name"] == "ops" or port["hostPort"] == port["containerPort"]


def test_each_pod_with_a_load_balancer_says_its_name_and_is_sent_to_while_it_drains(tmp_path: Path) -> None:
    components = DEPLOY / "k8s" / "components"
    manifests = with_components(tmp_path, [components / "autoscaling", components / "udp-load-balancer"])
    balancers = [one for one in manifests if one["kind"] == "Service" and one["spec"].get("type") == "LoadBalancer"]
    names = {one["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"] for one in balancers}
    told = {
        variable["value"].replace("$(POD)", f"{workload['metadata']['name']}-{number}")
        for workload in workloads(manifests)
        for variable in workload["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] in ("CORDBOARD_RELAY_ADDRESSES", "CORDBOARD_AGENT_ADVERTISED_HOST")
        for number in range(MOST_PODS)
    }
    assert told == names and len(names) == 2 * MOST_PODS
    assert all(one["spec"]["publishNotReadyAddresses"] for one in balancers)
    scaled = {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == "ScaledObject"}
    assert {scaled[kind]["maxReplicaCount"] for kind in ("media-relay", "sip-agent")} == {MOST_PODS}


def test_relays_and_agents_tell_the_names_of_their_nodes(tmp_path: Path) -> None:
    components = DEPLOY / "k8s" / "components"
    manifests = with_components(tmp_path, [components / "host-network", components / "node-names"])
    told = {}
    for workload in workloads(manifests):
        env = workload["spec"]["template"]["spec"]["containers"][0]["env"]
        told |= {one["name"]: one for one in env if "nodes.example.com" in one.get("value", "")}
    names = {"CORDBOARD_RELAY_ADDRESSES", "CORDBOARD_RELAY_SIP_ADDRESS", "CORDBOARD_AGENT_ADVERTISED_HOST"}
    assert told == {name: {"name": name, "value": "$(NODE).nodes.example.com"} for name in names}


@pytest.mark.parametrize("network", [(), ("host-network",), ("udp-load-balancer",)], ids="".join)
def test_sip_by_tls_comes_wherever_sip_does(tmp_path: Path, network: tuple[str, ...]) -> None:
    components = DEPLOY / "k8s" / "components"
    manifests = with_components(tmp_path, [components / one for one in (*network, "sip-tls")])
    services = [one["spec"]["ports"] for one in manifests if one["kind"] == "Service"]
    with_sip = [ports for ports in services if 5060 in {port["port"] for port in ports}]
    assert len(with_sip) == (1 + MOST_PODS if "udp-load-balancer" in network else 1)
    tls = {"name": "sip-tls", "port": 5061, "targetPort": "sip-tls", "protocol": "TCP"}
    assert all(tls in ports for ports in with_sip)
    (agent,) = [one["spec"]["template"]["spec"] for one in workloads(manifests) if name(one) == "StatefulSet/sip-agent"]
    (container,) = agent["containers"]
    assert {"name": "sip-tls", "containerPort": AgentSettings().sip_tls_port, "protocol": "TCP"} in container["ports"]
    (folder,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "sip-tls"]
    env = {one["name"]: one.get("value") for one in container["env"]}
    told = (env["CORDBOARD_AGENT_SIP_TLS_CERTIFICATE"], env["CORDBOARD_AGENT_SIP_TLS_KEY"])
    assert told == (f"{folder}/tls.crt", f"{folder}/tls.key")
    (policy,) = [one["spec"] for one in manifests if name(one) == "NetworkPolicy/sip"]
    assert {"port": 5061, "protocol": "TCP"} in policy["ingress"][0]["ports"]


@pytest.mark.parametrize(
    ("kind", "change", "fault"),
    [
        ("Deployment", lambda spec: spec.update(replicaz=2), "replicaz"),
        ("StatefulSet", lambda spec: spec.update(replicas="two"), "two"),
        ("ScaledObject", lambda spec: spec["scaleTargetRef"].pop("name"), "name"),
        ("PodMonitor", lambda spec: spec.update(interval="15s"), "interval"),
    ],
)
def test_a_wrong_field_is_seen(kind: str, change: Callable[[Any], object], fault: str) -> None:
    prod = next(path for path in OVERLAYS if path.name == "prod")
    wrong = next(one for one in build(prod) if one["kind"] == kind)
    assert list(faults(wrong)) == []
    change(wrong["spec"])
    assert any(fault in one for one in faults(wrong))


def test_a_kind_that_nobody_knows_is_a_fault() -> None:
    stranger = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "old"}}
    assert any("find schema" in fault for fault in faults(stranger))
