"""Whom the network policies let through: each overlay's pods reach what they need, and nobody else does."""

from pathlib import Path
from typing import Any

import pytest
from deploy.kustomize import DEPLOY, OVERLAYS, Manifest, build, with_components

CLIENTS, ROUTES = 4222, 6222  # of NATS
NODE_PORTS = range(30000, 32768)  # of Kubernetes' Services
HTTPS = 443


@pytest.fixture(scope="module", params=OVERLAYS, ids=lambda path: path.name)
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return build(request.param)


def policy(manifests: list[Manifest], name: str) -> dict[str, Any]:
    (found,) = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", name)]
    spec: dict[str, Any] = found["spec"]
    return spec


def admitted(spec: dict[str, Any], kind: str) -> list[tuple[dict[str, Any], set[int]]]:
    """Return the sources of a kind that are let in, each with the ports."""
    return [
        (source[kind], {port["port"] for port in rule["ports"]})
        for rule in spec["ingress"]
        for source in rule["from"]
        if kind in source
    ]


def test_pods_on_the_nodes_network_reach_nats_as_its_clients(overlay: list[Manifest]) -> None:
    on_host = [
        one["metadata"]["name"]
        for one in overlay
        if one["kind"] == "StatefulSet" and one["spec"]["template"]["spec"].get("hostNetwork")
    ]
    assert sorted(on_host) == ["media-relay", "sip-agent"]
    blocks = admitted(policy(overlay, "nats"), "ipBlock")
    assert blocks and all("/" in block["cidr"] and ports == {CLIENTS} for block, ports in blocks)


def test_prometheus_alone_reads_what_nats_does(tmp_path: Path) -> None:
    manifests = with_components(tmp_path, [DEPLOY / "nats", DEPLOY / "monitoring"])
    (server,) = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("StatefulSet", "nats")]
    ports = {
        port["name"]: port["containerPort"]
        for c in server["spec"]["template"]["spec"]["containers"]
        for port in c["ports"]
    }
    nats = {"matchLabels": {"app.kubernetes.io/name": "nats"}}
    (monitor,) = [one["spec"] for one in manifests if one["kind"] == "PodMonitor" and one["spec"]["selector"] == nats]
    (read,) = [ports[end_point["port"]] for end_point in monitor["podMetricsEndpoints"]]
    prometheus = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    assert admitted(policy(manifests, "nats-metrics"), "namespaceSelector") == [(prometheus, {read})]
    policies = [
        one["spec"] for one in manifests if one["kind"] == "NetworkPolicy" and one["spec"]["podSelector"] == nats
    ]
    open_ports = {port["port"] for spec in policies for rule in spec["ingress"] for port in rule["ports"]}
    assert open_ports == {CLIENTS, ROUTES, read} and ports["monitor"] not in open_ports


def test_rtp_comes_to_the_ports_that_relays_use_and_no_service_may_take(overlay: list[Manifest]) -> None:
    (settings,) = [one["data"] for one in overlay if one["kind"] == "ConfigMap" and "CORDBOARD_DOMAIN" in one["data"]]
    low, high = int(settings["CORDBOARD_RELAY_RTP_MIN"]), int(settings["CORDBOARD_RELAY_RTP_MAX"])
    (admits,) = policy(overlay, "media")["ingress"]
    assert {"port": low, "endPort": high, "protocol": "UDP"} in admits["ports"]
    ports = [
        port["hostPort"]
        for one in overlay
        if one["kind"] in ("Deployment", "StatefulSet")
        for container in one["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
        if "hostPort" in port
    ]
    assert not {*range(low, high + 1), *ports} & {*NODE_PORTS}


def test_servers_of_nats_alone_join_it(overlay: list[Manifest]) -> None:
    sources = admitted(policy(overlay, "nats"), "podSelector")
    assert [source for source, ports in sources if ROUTES in ports] == [
        {"matchLabels": {"app.kubernetes.io/name": "nats"}}
    ]


@pytest.mark.parametrize(("components", "reached"), [((), []), (("web-hooks",), [HTTPS])], ids=["base", "web-hooks"])
def test_signaling_reaches_web_servers_where_it_is_to_have_hooks(
    tmp_path: Path, components: tuple[str, ...], reached: list[int]
) -> None:
    manifests = with_components(tmp_path, [DEPLOY / "k8s" / "components" / name for name in components])
    selector = {"matchLabels": {"app.kubernetes.io/name": "signaling"}}
    own = [
        one["spec"] for one in manifests if one["kind"] == "NetworkPolicy" and one["spec"]["podSelector"] == selector
    ]
    assert [port["port"] for spec in own for rule in spec.get("egress", []) for port in rule["ports"]] == reached
