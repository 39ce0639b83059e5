"""docker-compose.yml, run by Podman on the network that is there."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from . import engine

PROJECT = "cordboard-images"
SERVICES = ("signaling-1", "signaling-2", "sip-agent-1", "sip-agent-2", "media-relay-1", "media-relay-2")
# Grafana cannot be had without a registry; coturn finds no address to listen at where loopback is the only interface.
PEERS = ("nats", "prometheus")
_SECRETS = {"CORDBOARD_SECRET": "a secret of the tests alone", "TURN_SECRET": "another one"}


def container(service: str) -> str:
    """Return the name of a service's container."""
    return f"{PROJECT}_{service}_1"


def podman(*command: str) -> str:
    """Run a command of Podman's; return what it printed."""
    return engine.run("podman", *command)


def inspect(service: str, template: str) -> str:
    """Return what Podman knows of a service's container, by a template of Go's."""
    return podman("inspect", "--format", template, container(service)).strip()


def stop() -> None:
    """Tell all services to end, and wait until they have."""
    _compose("stop", *SERVICES)


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run the services and their peers while the block runs, and leave nothing of them."""
    try:
        _compose("up", "--detach", "--no-build", *PEERS, *SERVICES)
        yield
        print(*(f"--- {service} ---\n{podman('logs', '--tail', '30', container(service))}" for service in SERVICES))
    finally:
        _compose("down", "--volumes")


def _compose(*command: str) -> str:
    tool = Path(sys.executable).parent / "podman-compose"
    return engine.run(tool, "--project-name", PROJECT, *command, env=_SECRETS)
