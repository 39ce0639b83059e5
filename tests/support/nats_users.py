"""A NATS server as it is to be deployed: TLS, and a user for each service (deploy/nats)."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from .certificates import Authority
from .nats import NatsServer, stoppable_nats_server
from .processes import free_ports

FILES = Path(__file__).parents[2] / "deploy" / "nats"
USERS = ("signaling", "agent", "relay", "operator", "reader")
PASSWORDS = {user: f"{user}-own" for user in USERS}


@dataclass(frozen=True)
class OpenNats:
    """A running server that lets everybody in."""

    url: str
    monitors: tuple[int, ...]  # ports of the servers, where they tell of themselves
    servers: tuple[NatsServer, ...]

    def settings(self, user: str) -> dict[str, str]:
        """Return the fields of `CommonSettings` for the connection of a service."""
        return {"nats_url": self.url}

    def environment(self, user: str) -> dict[str, str]:
        """Return the same as variables."""
        return {f"CORDBOARD_{name.upper()}": value for name, value in self.settings(user).items()}


@dataclass(frozen=True)
class SecuredNats(OpenNats):
    """A running server that knows its users. `url` is without them."""

    authority: Authority

    def settings(self, user: str) -> dict[str, str]:
        """Return the fields of `CommonSettings` for the connection of a service."""
        own = {"nats_user": user, "nats_password": PASSWORDS[user], "nats_ca": str(self.authority.certificate)}
        return super().settings(user) | own


@contextlib.asynccontextmanager
async def secured_nats(authority: Authority, **passwords: str) -> AsyncIterator[SecuredNats]:
    """Run a server while the block runs; `passwords` of users who have others than in the other tests."""
    own = authority.issue("127.0.0.1")
    env = {f"NATS_{user.upper()}_PASSWORD": password for user, password in (PASSWORDS | passwords).items()}
    env |= {"NATS_CERTIFICATE": str(own.certificate), "NATS_KEY": str(own.key)}
    monitor = free_ports()
    async with stoppable_nats_server("--config", str(FILES / "tls.conf"), "-m", str(monitor), env=env) as server:
        yield SecuredNats(server.url, (monitor,), (server,), authority)


@contextlib.asynccontextmanager
async def open_or_secured(authority: Authority | None) -> AsyncIterator[OpenNats]:
    """Run the one or the other while the block runs."""
    if authority is not None:
        async with secured_nats(authority) as secured:
            yield secured
        return
    monitor = free_ports()
    async with stoppable_nats_server("-m", str(monitor)) as server:
        yield OpenNats(server.url, (monitor,), (server,))
