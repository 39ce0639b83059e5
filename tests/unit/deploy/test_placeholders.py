"""The operations page lists whatever stands in the manifests for values of one's own."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text()
PLACEHOLDER = re.compile(r"example\.(?:com|org)|192\.0\.2\.|monitoring\.svc|metadata\.name: monitoring")
FOLDERS = sorted(path.parent for path in (ROOT / "deploy").rglob("kustomization.yaml"))


def rows() -> set[str]:
    table = PAGE.split("What stands there for your own values", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `(?:deploy/)?(\S+)` \|", table, re.MULTILINE))


def has_placeholder(folder: Path) -> bool:
    return any(PLACEHOLDER.search(path.read_text()) for path in folder.rglob("*.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_must_be_changed_is_listed(folder: Path) -> None:
    names = {str(folder.relative_to(ROOT / "deploy")).removeprefix("k8s/")}
    assert names <= rows() or not has_placeholder(folder)


def test_what_is_listed_is_there() -> None:
    folders = {str(folder.relative_to(ROOT / "deploy")).removeprefix("k8s/") for folder in FOLDERS}
    assert rows() <= folders
