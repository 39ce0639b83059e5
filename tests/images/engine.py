"""Podman and buildah, with a store of their own in `var/images`, and without a daemon, systemd or a registry."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORE = ROOT / "var" / "images"

# Debian's crun does not run where cgroups are of both versions; nothing is asked of systemd or of its journal; the
# limits are such as a host without privileges allows.
_CONTAINERS = """[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""
_STORAGE = """[storage]
driver = "overlay"
graphroot = "{store}/layers"
runroot = "{store}/run"
"""


class EngineError(Exception):
    """A command of the engine failed; the message is what it said."""


def settings() -> dict[str, str]:
    """Write the engine's files; return the variables that name them."""
    STORE.mkdir(parents=True, exist_ok=True)
    containers, storage = STORE / "containers.conf", STORE / "storage.conf"
    containers.write_text(_CONTAINERS)
    storage.write_text(_STORAGE.format(store=STORE))
    return {"CONTAINERS_CONF": str(containers), "CONTAINERS_STORAGE_CONF": str(storage)}


def run(*command: str | Path, within: float = 300.0, env: Mapping[str, str] | None = None) -> str:
    """Run a command with the engine's settings; return what it printed, or raise `EngineError`."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | settings() | dict(env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within,
        check=False,
    )
    if done.returncode:
        raise EngineError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def why_none() -> str | None:
    """Return why containers cannot be run here, None where they can: the host's own files are run as one."""
    try:
        run("podman", "run", "--rm", "--network", "host", "--rootfs", "/:O", "true", within=60)
    except EngineError as error:
        return str(error)
    return None
