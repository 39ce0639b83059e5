"""A whole cluster with pages on sockets, phones and a SIP server that is played by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.support.measured_calls import MeasuredPhone
from tests.support.services import Cordboard, cordboard
from tests.support.sip_peer import SipPeer
from tests.support.socket_page import SocketPage
from tests.support.until import until

from shared.tasks import Tasks


@dataclass
class Stage:
    """A cluster, and whoever is called."""

    cluster: Cordboard
    server: SipPeer
    tasks: Tasks
    stack: contextlib.AsyncExitStack

    async def page(self, pod: int = 0) -> SocketPage:
        """A page at a pod of signaling."""
        page = SocketPage(self.tasks)
        self.stack.push_async_callback(page.aclose)
        await page.open(self.cluster.websocket_url(pod))
        return page

    async def at_server(self) -> SocketPage:
        """A page whose account is at the SIP server."""
        page = await self.page()
        await page.log_in("alice", domain="example.com", proxy=self.server.address)
        return page

    async def at_home(self, user: str, pod: int = 0) -> SocketPage:
        """A page whose account is in the built-in domain."""
        page = await self.page(pod)
        await page.log_in(user, self.cluster.users[user])
        while (await page.expect("registration"))["state"] != "registered":
            pass
        return page

    async def caller(self) -> tuple[SocketPage, MeasuredPhone]:
        """A page, and the phone that answers whatever it calls."""
        phone = await MeasuredPhone.open(self.tasks)
        self.stack.callback(phone.close)
        page = await self.page()
        await page.log_in("user", domain="example.com", proxy=phone.sip.address)
        return page, phone

    async def talking(self) -> tuple[SocketPage, MeasuredPhone]:
        """A page and a phone that hear each other."""
        page, phone = await self.caller()
        assert (await page.dial("bob"))["type"] == "ok"
        await page.through()
        await asyncio.gather(page.ear.hears(), phone.ear.hears())
        return page, phone

    async def nothing_is_left(self) -> None:
        """Wait until no call, and no port of a relay, is in use; nor kept from use."""
        busy = [f"cordboard_media_relay_{what}" for what in ("sessions_active", "ports_used", "ports_quarantined")]

        async def is_empty() -> bool:
            gauges = [await relay.metrics("gauge") for relay in self.cluster.relays]
            used = [one[name] for one in gauges for name in busy]
            return not any(used) and not await self.cluster.store.calls.names()

        await until(is_empty, within=20.0)


@contextlib.asynccontextmanager
async def staged(signaling: int = 1, **settings: str) -> AsyncIterator[Stage]:
    """Run a cluster while the block runs."""
    tasks = Tasks("pages")
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(cordboard(signaling=signaling, agents=1, relays=1, **settings))
        server = await SipPeer.open()
        stack.callback(server.close)
        try:
            yield Stage(cluster, server, tasks, stack)
        finally:
            await tasks.aclose()  # before the sockets that they use are closed
