"""A cluster whose pages are let in, named and let call by the operator's web server: Click To Call, as WCS means it."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.e2e.test_wcs_pages import CLICK_TO_CALL, HERE, package
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.page import Account, hear_and_be_heard
from tests.support.services import Cordboard, cordboard
from tests.support.streams import reading
from tests.support.wcs_pages import ClickToCall, open_click_to_call
from tests.support.web_backend import WebBackend, web_backend

from shared.messages.stream import CallEnded
from shared.streams import CDR

__all__ = ["package"]  # a fixture

GUEST = Account("guest", "nothing", HERE, outbound_proxy=HERE, port=0)  # the page's form may not be empty


@pytest_asyncio.fixture(loop_scope="session")
async def backend() -> AsyncIterator[WebBackend]:
    async with web_backend() as backend:
        backend.replies["connect"] = {"sipLogin": "alice", "sipVisibleName": "Alice"}
        yield backend


@pytest_asyncio.fixture(loop_scope="session")
async def hooked(backend: WebBackend) -> AsyncIterator[Cordboard]:
    secret = "a secret for the hooks"
    async with cordboard(SIGNALING_HOOKS_URL=backend.url, SIGNALING_HOOKS_SECRET=secret) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(hooked: Cordboard, package: str, chromium_browser: Browser) -> AsyncIterator[ClickToCall]:
    pod = hooked.websocket_url().removesuffix("/ws")
    page = await open_click_to_call(chromium_browser, f"{package}/{CLICK_TO_CALL}", pod, 440)
    await page.connect(GUEST)
    yield page
    await page.close()


async def test_a_visitor_calls_from_the_account_that_the_web_server_names(
    hooked: Cordboard, backend: WebBackend, page: ClickToCall
) -> None:
    async with (
        reading(hooked.bus, CDR) as records,
        baresip("bob", hooked.users["bob"], hooked.domain, hooked.agents[0].port, frequency=620) as bob,
    ):
        await page.call("bob")
        await bob.wait_for_ring()
        await bob.accept()
        await page.wait_for_call("^ESTABLISHED")
        await hear_and_be_heard(page, bob)
        await backend.stop()  # a call that is established needs nobody's word
        await hear_and_be_heard(page, bob)
        await page.hang_up()  # it closes its socket at once, and shows "FINISH" for a moment only
        record = await records.expect(CallEnded)
        assert (record.account, record.by, record.status) == (f"alice@{hooked.domain}", "local", 200)
        assert record.relay == hooked.relays[0].name and record.duration > 0
        await backend.start()
        finished = await backend.expect("CallStatusEvent", lambda body: body["status"] == "FINISH")
    asked = (await backend.expect("call")).body
    assert (asked["callee"], asked["caller"]) == ("bob", "alice")
    assert asked["callId"] == finished.body["callId"] != record.call_id  # as the page names it


async def test_a_call_that_the_web_server_refuses_does_not_ring(
    hooked: Cordboard, backend: WebBackend, page: ClickToCall
) -> None:
    backend.statuses["call"] = 403
    async with baresip("bob", hooked.users["bob"], hooked.domain, hooked.agents[0].port, frequency=620) as bob:
        await asyncio.gather(page.wait_for_call("^FAILED"), page.call("bob"))  # shown for a moment only
        await page.wait_for_end()  # a button pressed before that would call over the socket that closes
        assert "Incoming call" not in bob.process.log
        del backend.statuses["call"]
        await page.call("bob")
        await asyncio.gather(bob.wait_for_ring(), page.wait_for_call("^RING"))
        await page.hang_up()
