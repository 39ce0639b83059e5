"""What docs/scaling.md says on paper is what the estimate makes of what is measured there, and of what is shipped."""

import re
from pathlib import Path
from typing import Any

import yaml
from bench.scaling import estimate

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "scaling.md").read_text()
MEASURED, PAPER = PAGE.split("## What the bus costs", 1)[1].split("## A million registered users", 1)
KINDS = {"signaling": estimate.SIGNALING, "sip-agent": estimate.AGENTS, "media-relay": estimate.RELAYS}
CAPACITY = {"signaling": "SIGNALING", "sip-agent": "AGENT", "media-relay": "RELAY"}


def costs() -> dict[str, list[str]]:
    """Return the table of the bus: by what was done, the CPU of NATS and of the pod."""
    rows = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in MEASURED.splitlines() if row[:1] == "|"]
    return {row[0]: row[2:] for row in rows}


def test_it_reckons_with_what_was_measured() -> None:
    table = costs()
    for what, cost in (
        ("a heartbeat, heard by one of 20", estimate.HEARTBEAT),
        ("a command and its reply; both ends in one process", estimate.COMMAND),
        ("a name of a record, listed with all others", estimate.LISTED),
        ("a record read", estimate.READ),
        ("a record read with all others", estimate.READ_WITH_ALL),
        ("a name of one owner's, listed, of 50 owners and a million names", estimate.OWNED),
        ("whose turn it is to take a session over, among 100 agents", estimate.TURN),
        ("the calls of a session that has none, of 50,000", estimate.CALLS_OF),
    ):
        assert [float(cell) for cell in table[what]] == [cost.nats, cost.pod], what
    three = [cell.split("; ")[1] for cell in table["the same two with three servers, all on one core"]]
    assert [float(cell) for cell in three] == [estimate.WRITE_TO_THREE.nats, estimate.WRITE_TO_THREE.pod]


def test_the_page_has_its_tables() -> None:
    for name, value in (*estimate.rows(), *estimate.shipped()):
        assert f"\n| {name} | {value} |" in PAPER


def test_the_page_has_what_costs_most() -> None:
    words = re.sub(r"\s+", " ", PAPER)
    assert [value for _, value in estimate.breaks() if value not in words] == []


def test_it_knows_what_is_shipped() -> None:
    base: dict[str, Any] = yaml.safe_load((ROOT / "deploy/k8s/base/kustomization.yaml").read_text())
    literals = dict(one.split("=", 1) for made in base["configMapGenerator"] for one in made["literals"])
    objects = yaml.safe_load_all((ROOT / "deploy/k8s/components/autoscaling/scaled-objects.yaml").read_text())
    scaled = {one["metadata"]["name"]: one["spec"] for one in objects}
    for name, kind in KINDS.items():
        assert int(literals[f"CORDBOARD_{CAPACITY[name]}_CAPACITY"]) == kind.capacity
        assert scaled[name]["maxReplicaCount"] == kind.most
        assert int(scaled[name]["triggers"][0]["metadata"]["threshold"]) == kind.added_at
