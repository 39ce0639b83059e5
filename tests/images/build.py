"""`python -m tests.images.build`: the images of docker-compose.yml, built without a registry.

Ours are built by their own Dockerfiles. The base that these name, and the peers, are made of Debian's packages and of
what the tests have installed, under the names that the files use, once: `make clean` takes them away. Exit status 75
where no container can be run, and why.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from .engine import STORE, EngineError, run, why_none

NO_ENGINE = 75  # EX_TEMPFAIL of sysexits.h
OURS = ("signaling", "sip-agent", "media-relay")
BASE = "docker.io/library/python:3.11-slim"
PEERS = {"docker.io/library/nats:2.15-alpine": "nats-server", "docker.io/prom/prometheus:v2.55.1": "prometheus"}
_PACKAGES = "ca-certificates,python3,python3-venv,libpython3.11-dev,python-is-python3"
_LEFT_OUT = ("doc", "man", "locale")
# Hosts may reach what they install from by a certificate of their own; in the stand-in of the base it is known, too.
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_FILES = (Path("/etc/pip.conf"), Path("/etc/xdg/pip"))


def is_there(image: str) -> bool:
    """Tell whether an image has been made before."""
    return bool(run("buildah", "images", "--quiet", "--filter", f"reference={image}").strip())


def make_base() -> None:
    """Make what stands for Python's slim image: Debian of the same release, with its Python."""
    archive = STORE / "base.tar"
    options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT]
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", *options, "bookworm", archive)
    container = run("buildah", "from", "scratch").strip()
    run("buildah", "add", "--quiet", container, archive, "/")
    archive.unlink()
    for path in (_CERTIFICATES, *_PIP_FILES):
        if path.exists():
            run("buildah", "copy", "--quiet", container, path, path)
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            run("buildah", "config", "--env", f"{name}={value}", container)
    _commit(container, BASE)


def make_peer(image: str, program: Path) -> None:
    """Make an image of a program that needs no libraries, or none beside the base's."""
    container = run("buildah", "from", "--pull-never", BASE).strip()
    run("buildah", "copy", "--quiet", container, program, "/usr/local/bin/")
    entry = json.dumps([f"/usr/local/bin/{program.name}"])
    run("buildah", "config", "--cmd", "", "--entrypoint", entry, container)
    _commit(container, image)


def make_ours(service: str) -> None:
    """Build a service's image by its Dockerfile, which stays as it is."""
    mounts = [f"--volume={folder}:{folder}:ro" for folder in _pip_folders()]
    run(
        *("buildah", "bud", "--quiet", "--isolation=chroot", "--network=host", "--pull-never", *mounts),
        *("--file", f"services/{service}/Dockerfile", "--tag", f"docker.io/cordboard/{service}:0.1.0", "."),
    )


def _commit(container: str, image: str) -> None:
    run("buildah", "commit", "--quiet", container, image)
    run("buildah", "rm", container)


def _pip_folders() -> Sequence[str]:
    """Return the folders of this host that pip looks in for packages."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = listed.replace("'", " ").replace("file://", " ").split()
    return sorted({word for word in words if word.startswith("/") and Path(word).is_dir()})


def _program(name: str) -> Path:
    found = shutil.which(name, path=sysconfig.get_path("scripts") + ":" + os.environ["PATH"])
    if found is None:
        raise EngineError(f"{name} is missing: make images installs it")
    return Path(found).resolve()


def main() -> int:
    """Build all of them."""
    reason = why_none()
    if reason is not None:
        print(f"images are not built, for no container runs here: {reason}", file=sys.stderr)
        return NO_ENGINE
    if not is_there(BASE):
        make_base()
    for image, program in PEERS.items():
        if not is_there(image):
            make_peer(image, _program(program))
    for service in OURS:
        make_ours(service)
    print(run("buildah", "images"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
