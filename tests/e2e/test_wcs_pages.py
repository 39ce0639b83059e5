"""Pages of Flashphoner's SDK, unmodified, against Cordboard: they cannot tell it from the server they were made for."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.linphone import linphone
from tests.support.page import Account, OpenPhone, PhonePage, hear_each_other
from tests.support.scripted_phone import Phone
from tests.support.services import Cordboard
from tests.support.until import until
from tests.support.wcs_pages import (
    ClickToCall,
    OpenWcsPhone,
    PhoneUi,
    WcsPhone,
    open_click_to_call,
    open_phone_ui,
    open_wcs_phone,
    package_server,
)

PHONE_MIN, PHONE_VIDEO = "phone/phone.html", "phone-video/phone-video.html"
CLICK_TO_CALL, PHONE_UI = "click-to-call/click-to-call.html", "phone-ui/Phone.html"
_OPENERS = {CLICK_TO_CALL: open_click_to_call, PHONE_UI: open_phone_ui}
HERE = "127.0.0.1"  # what the form of WCS's local mode takes: the server's address, as domain and as proxy


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def package() -> AsyncIterator[str]:
    """Where the package's pages are served."""
    async with package_server() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def open_wcs(
    cluster: Cordboard, package: str, chromium_browser: Browser, open_page: OpenPhone
) -> AsyncIterator[OpenWcsPhone]:
    """Open pages of the package; at the end they are closed, before the cluster is looked at."""
    pages: list[WcsPhone] = []

    async def open_one(frequency: float, page: str = PHONE_MIN) -> WcsPhone:
        pod = cluster.websocket_url().removesuffix("/ws")
        opener = _OPENERS.get(page, open_wcs_phone)
        pages.append(await opener(chromium_browser, f"{package}/{page}", pod, frequency))
        return pages[-1]

    yield open_one
    for page in pages:
        await page.close()


def local(cluster: Cordboard, user: str) -> Account:
    """What a user of WCS without a SIP server puts into the form."""
    return Account(user, cluster.users[user], HERE, outbound_proxy=HERE, port=0, register=False)


async def connect(cluster: Cordboard, page: WcsPhone, user: str) -> None:
    await page.connect(local(cluster, user), "^(ESTABLISHED|REGISTERED)$")


async def is_registered(cluster: Cordboard, user: str) -> bool:
    """Whether a user who is logged in can be called."""
    entries = [await cluster.store.accounts.get(name) for name in await cluster.store.accounts.names()]
    records = [entry.record for entry in entries if entry]
    return any(record.account.login == user and record.registration == "registered" for record in records)


def phone(cluster: Cordboard, kind: Phone, user: str, frequency: int) -> Any:
    """A SIP phone at the built-in domain."""
    return kind(user, cluster.users[user], cluster.domain, cluster.agents[0].port, frequency=frequency)


async def talk(caller: PhonePage, called: PhonePage, name: str) -> None:
    """Call, ring, answer, and hear each other."""
    await caller.call(name)
    await asyncio.gather(caller.wait_for_call("^RING"), called.wait_for_call("^RING"))
    await called.answer()
    await asyncio.gather(caller.wait_for_call("^ESTABLISHED"), called.wait_for_call("^ESTABLISHED"))
    await hear_each_other(caller, called)


async def test_phone_min_calls_phone_min(cluster: Cordboard, open_wcs: OpenWcsPhone) -> None:
    alice, bob = await asyncio.gather(open_wcs(440), open_wcs(620))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await bob.wait_for_session("^REGISTERED$")
    await talk(alice, bob, "bob")
    await alice.hold()
    await asyncio.gather(alice.hears_silence(), bob.hears_silence())
    await alice.unhold()
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await talk(bob, alice, "alice")
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


@pytest.mark.parametrize("page", [PHONE_MIN, PHONE_VIDEO])
async def test_phone_min_and_video_are_rejected_give_up_and_call_who_is_busy_or_nobody(
    page: str, cluster: Cordboard, open_wcs: OpenWcsPhone
) -> None:
    alice, bob = await asyncio.gather(open_wcs(440, page), open_wcs(620, page))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await bob.wait_for_session("^REGISTERED$")
    await alice.call("bob")
    await bob.wait_for_call("^RING")
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    async with phone(cluster, baresip, "carol", 830) as carol:
        await alice.call("carol")
        await carol.wait_for_ring()
        await carol.hang_up()  # by 486
        await alice.wait_for_call("^FAILED")
    await alice.call("nobody")
    await alice.wait_for_call("^FAILED")


async def test_phone_min_comes_back_with_its_token(cluster: Cordboard, open_wcs: OpenWcsPhone) -> None:
    alice = await open_wcs(440)
    await connect(cluster, alice, "alice")
    await alice.wait_for_session("^REGISTERED$")
    token = await alice.token()
    await alice.disconnect()
    await alice.connect_with_token(token)
    assert await alice.token() != token
    await alice.disconnect()
    again = await open_wcs(440)
    await again._fill(urlServer=again.url, authToken=token)
    await again._press("connectTokenBtn")
    await again.wait_for_session("^DISCONNECTED$")


async def test_a_page_of_ours_calls_one_of_theirs(
    cluster: Cordboard, open_wcs: OpenWcsPhone, open_page: OpenPhone
) -> None:
    ours, theirs = await open_page(440), await open_wcs(620)
    await ours.connect(Account("alice", cluster.users["alice"]))
    await connect(cluster, theirs, "bob")
    await theirs.wait_for_session("^REGISTERED$")
    await talk(ours, theirs, "bob")
    await theirs.hold()
    await ours.wait_for_call("^HOLD the other")
    await theirs.unhold()
    await hear_each_other(ours, theirs)
    await ours.hang_up()
    await theirs.wait_for_call("^FINISH")
    await talk(theirs, ours, "alice")
    await theirs.hang_up()
    await ours.wait_for_call("^FINISH")


async def test_phone_video_sees_and_hears(cluster: Cordboard, open_wcs: OpenWcsPhone) -> None:
    alice, bob = await asyncio.gather(open_wcs(440, PHONE_VIDEO), open_wcs(620, PHONE_VIDEO))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await bob.wait_for_session("^REGISTERED$")
    await talk(alice, bob, "bob")
    await asyncio.gather(alice.sees_moving_pictures(), bob.sees_moving_pictures())
    await bob.hold()
    await asyncio.gather(alice.hears_silence(), bob.hears_silence())
    await bob.unhold()
    await hear_each_other(alice, bob)
    await asyncio.gather(alice.sees_moving_pictures(), bob.sees_moving_pictures())
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


async def test_click_to_call(cluster: Cordboard, open_wcs: OpenWcsPhone, open_page: OpenPhone) -> None:
    alice, bob = await open_wcs(440, CLICK_TO_CALL), await open_page(620)
    await bob.connect(Account("bob", cluster.users["bob"]))
    await alice.connect(local(cluster, "alice"))
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await bob.answer()
    await asyncio.gather(alice.wait_for_call("^ESTABLISHED"), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")


async def test_click_to_call_gives_up_and_calls_who_is_busy_or_unwilling(
    cluster: Cordboard, open_wcs: OpenWcsPhone
) -> None:
    alice = await open_wcs(440, CLICK_TO_CALL)
    assert isinstance(alice, ClickToCall)
    await alice.connect(local(cluster, "alice"))
    async with phone(cluster, baresip, "bob", 620) as bob:
        await alice.call("bob")
        await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_ring())
        await alice.hang_up()
        await asyncio.gather(alice.wait_for_end(), bob.wait_for_end())
        for status in ("486 reason=Busy", "603 reason=Decline"):
            await alice.call("bob")
            await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_ring())
            await bob.command("hangup", f"scode={status}")
            await asyncio.gather(alice.wait_for_end(), bob.wait_for_end())


async def test_phone_ui_holds_rejects_gives_up_and_calls_who_is_busy(
    cluster: Cordboard, open_wcs: OpenWcsPhone
) -> None:
    alice = await open_wcs(440, PHONE_UI)
    assert isinstance(alice, PhoneUi)
    await alice.connect(local(cluster, "alice"))
    async with phone(cluster, linphone, "bob", 620) as bob, phone(cluster, baresip, "carol", 830) as carol:
        await alice.call("bob")
        await bob.wait_for_ring()
        await bob.accept()
        await alice.wait_for_talk()
        await asyncio.gather(alice.hears(620), bob.wait_for_tone(440))
        await alice.hold()
        await asyncio.gather(alice.hears_silence(), bob.wait_for_silence())
        await alice.unhold()
        await asyncio.gather(alice.hears(620), bob.wait_for_tone(440))
        await alice.hang_up()
        await asyncio.gather(alice.wait_for_end(), bob.wait_for_end())
        await alice.call("carol")
        await carol.wait_for_ring()
        await alice.hang_up()
        await asyncio.gather(alice.wait_for_end(), carol.wait_for_end())
        await alice.call("carol")
        await carol.wait_for_ring()
        await carol.hang_up()  # by 486
        await asyncio.gather(alice.wait_for_end(), carol.wait_for_end())
        await carol.dial(f"sip:alice@{cluster.domain}")
        await alice.wait_for_ring()
        await alice.reject()
        assert (await carol.wait_for("CALL_CLOSED"))["param"] == "603 Decline"
        await alice.wait_for_end()


async def test_phone_ui_presses_digits_and_transfers(
    cluster: Cordboard, open_wcs: OpenWcsPhone, open_page: OpenPhone
) -> None:
    alice, carol = await open_wcs(440, PHONE_UI), await open_page(830)
    assert isinstance(alice, PhoneUi)
    await carol.connect(Account("carol", cluster.users["carol"]))
    await alice.connect(local(cluster, "alice"))
    async with phone(cluster, baresip, "bob", 620) as bob:
        await alice.call("bob")
        await bob.wait_for_ring()
        await bob.accept()
        await alice.wait_for_talk()
        await asyncio.gather(alice.hears(620), bob.wait_for_tone(440))
        await alice.press_digits("1590")
        for digit in "1590":
            await bob.wait_for_digit(digit)
        await alice.transfer("carol")
        await carol.wait_for_call("^RING")
        await carol.answer()
        await asyncio.gather(carol.hears(620), bob.wait_for_tone(830))
        await alice.wait_for_end()
        await carol.hang_up()
        await bob.wait_for_end()


async def test_phone_ui_is_called(cluster: Cordboard, open_wcs: OpenWcsPhone, open_page: OpenPhone) -> None:
    alice, bob = await open_wcs(440, PHONE_UI), await open_page(620)
    assert isinstance(alice, PhoneUi)
    await alice.connect(local(cluster, "alice"))
    await bob.connect(Account("bob", cluster.users["bob"]))
    await until(partial(is_registered, cluster, "alice"))  # which this page does not show
    await bob.call("alice")
    await alice.wait_for_ring()
    await alice.answer()
    await asyncio.gather(alice.wait_for_talk(), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")
    await alice.wait_for_end()
