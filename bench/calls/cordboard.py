"""Our agent under load: a real NATS server, one sip-agent held to a core, and the seats of the rest."""

import contextlib
import json
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .process import Measured, free_port, measured, wait_for_udp

SECRET = "a secret that is for benches only"
AGENT = "agent-bench"


@dataclass(frozen=True)
class Cordboard:
    """`users` are the session ids, which are the users that its Contacts have; `address` is its SIP host:port."""

    agent: Measured
    address: str
    users: tuple[str, ...]
    caller_port: int  # calls must come from there
    ops_port: int


@dataclass(frozen=True)
class Nats:
    """A server and where it is reached."""

    url: str
    process: Measured


@contextlib.contextmanager
def cordboard(sessions: int, core: int, others: int, registrar: str = "", expires: int = 300) -> Iterator[Cordboard]:
    """Run an agent with that many sessions, registered at `registrar` if there is one."""
    with nats_server(others) as nats, agent(nats.url, AGENT, sessions, core, others, registrar, expires) as system:
        yield system


@contextlib.contextmanager
def agent(
    nats_url: str, name: str, sessions: int, core: int, others: int, registrar: str = "", expires: int = 300
) -> Iterator[Cordboard]:
    """Run an agent of this name, and seats of its own, on a bus that others may use as well."""
    with contextlib.ExitStack() as stack:
        port, ops_port = free_port(), free_port()
        env = {
            "CORDBOARD_NATS_URL": nats_url,
            "CORDBOARD_SECRET": SECRET,
            "CORDBOARD_POD": name,
            "CORDBOARD_LOG_LEVEL": "warning",
            "CORDBOARD_OPS_PORT": str(ops_port),
            "CORDBOARD_AGENT_REGISTER_EXPIRES": str(expires),
            "CORDBOARD_AGENT_ALLOWED_DESTINATIONS": "127.0.0.0/8:1-65535",
            "CORDBOARD_AGENT_SIP_HOST": "127.0.0.1",
            "CORDBOARD_AGENT_SIP_PORT": str(port),
            "CORDBOARD_AGENT_CAPACITY": str(sessions),
            # Neither side tells others of its calls: Sippy's accounting is off as well.
            "CORDBOARD_EVENTS": "false",
        }
        process = stack.enter_context(measured([sys.executable, "-m", "sip_agent"], core, env))
        wait_for_udp(port)
        # The caller is the accounts' proxy, which may have any number of calls ring; a stranger may not.
        caller = free_port()
        of_accounts = (registrar or f"127.0.0.1:{caller}", "register" if registrar else "")
        command = [sys.executable, "-m", "bench.calls.seats", nats_url, name, SECRET, str(sessions), *of_accounts]
        seats = stack.enter_context(measured(command, others))
        users = json.loads(seats.line_with("ready").partition(" ")[2])
        yield Cordboard(process, f"127.0.0.1:{port}", tuple(users), caller, ops_port)


@contextlib.contextmanager
def nats_server(core: int, *options: str) -> Iterator[Nats]:
    """Run a NATS server with JetStream on one core while the block runs."""
    server = str(Path(sysconfig.get_path("scripts")) / "nats-server")
    with tempfile.TemporaryDirectory(prefix="cordboard-bench-") as folder:
        command = [server, "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", folder, "--ports_file_dir", folder, *options]
        with measured(command, core) as process:
            yield Nats(_nats_url(Path(folder)), process)


def _nats_url(folder: Path) -> str:
    for _ in range(100):
        for path in folder.glob("*.ports"):
            with contextlib.suppress(json.JSONDecodeError):  # half written
                return str(json.loads(path.read_text())["nats"][0])
        time.sleep(0.1)
    raise RuntimeError("nats-server does not serve")
