"""A NATS server as it is to be deployed: TLS, and a user for each service (deploy/nats)."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from .certificates import Authority
from .nats import NatsServer, stoppable_nats_server

FILES = Path(__file__).parents[2] / "deploy" / "nats"
PASSWORDS = {"signaling": "signaling-own", "agent": "agent-own", "relay": "relay-own"}


@dataclass(frozen=True)
class OpenNats:
    """A running server that lets everybody in."""

    url: str
    server: NatsServer

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
async def secured_nats(authority: Authority, *extra: str) -> AsyncIterator[SecuredNats]:
    """Run a server while the block runs."""
    own = authority.issue("127.0.0.1")
    env = {f"NATS_{user.upper()}_PASSWORD": password for user, password in PASSWORDS.items()}
    env |= {"NATS_CERTIFICATE": str(own.certificate), "NATS_KEY": str(own.key)}
    async with stoppable_nats_server("--config", str(FILES / "tls.conf"), *extra, env=env) as server:
        yield SecuredNats(server.url, server, authority)


@contextlib.asynccontextmanager
async def open_or_secured(authority: Authority | None, *extra: str) -> AsyncIterator[OpenNats]:
    """Run the one or the other while the block runs."""
    if authority is not None:
        async with secured_nats(authority, *extra) as secured:
            yield secured
        return
    async with stoppable_nats_server(*extra) as server:
        yield OpenNats(server.url, server)
