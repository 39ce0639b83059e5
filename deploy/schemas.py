"""Hold what the overlays, and any two components, make against Kubernetes' own schemas.

    python -m deploy.schemas

`kubernetes-validate` carries the schemas. It has none of what operators add to a cluster (custom resources): of these
`CUSTOM` lists each kind that is used here with the fields that it may have, and a kind that neither knows is an error.
"""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
import kubernetes_validate

from .custom_resources import CUSTOM
from .kustomize import OVERLAYS, Manifest, build, every_combination, with_components

# The oldest that has all that is used here out of beta, and the newest that there is a schema of.
KUBERNETES = ("1.30", "1.37")


def faults(manifest: Manifest) -> Iterator[str]:
    """Say what is wrong with a manifest: fields that are not there, values of another type."""
    name = f"{manifest['kind']}/{manifest['metadata']['name']}"
    schema = CUSTOM.get((manifest["apiVersion"], manifest["kind"]))
    if schema is not None:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest):
            yield f"{name}: {error.json_path}: {error.message}"
        return
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {error.json_path}: {error.message} (Kubernetes {version})"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{name}: {error.message}, nor in custom_resources.py"


def everything() -> list[Manifest]:
    """Return what is made of every overlay and combination, the same manifest once."""
    with TemporaryDirectory(prefix="cordboard-manifests-") as made, ThreadPoolExecutor(os.cpu_count()) as pool:
        chosen = every_combination()
        folders = [Path(made, str(number)) for number in range(len(chosen))]
        for folder in folders:
            folder.mkdir()
        results = [*pool.map(build, OVERLAYS), *pool.map(with_components, folders, chosen)]
    distinct = {json.dumps(one, sort_keys=True): one for result in results for one in result}
    return list(distinct.values())


def main() -> int:
    """Print what is wrong with them; return the exit status."""
    manifests = everything()
    found = sorted({fault for manifest in manifests for fault in faults(manifest)})
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{len(manifests)} manifests against Kubernetes {' and '.join(KUBERNETES)}: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
