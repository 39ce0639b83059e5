"""Digits in the media between a page and a real SIP phone: each arrives once, in order, whoever made it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.baresip import Baresip, baresip
from tests.support.browser.tab import Browser
from tests.support.linphone import linphone
from tests.support.page import Account, OpenPhone, PhonePage, call_phone, called_by_phone, hear_and_be_heard
from tests.support.scripted_phone import ScriptedPhone
from tests.support.services import Cordboard

INSERT = """async (digits) => {
  const sender = harness.peers.at(-1).getSenders().find(({ dtmf }) => dtmf).dtmf;
  sender.insertDTMF(digits, 100, 70);
  await new Promise((done) => sender.addEventListener("tonechange", ({ tone }) => tone || done()));
}"""


@pytest_asyncio.fixture(loop_scope="session", params=["pcmu", "opus"])
async def bob(request: pytest.FixtureRequest, cluster: Cordboard) -> AsyncIterator[Baresip]:
    port = cluster.agents[0].port
    async with baresip("bob", cluster.users["bob"], cluster.domain, port, frequency=620, codecs=request.param) as bob:
        yield bob


@pytest_asyncio.fixture(loop_scope="session", params=["chromium", "firefox"])
async def page(
    request: pytest.FixtureRequest,
    cluster: Cordboard,
    open_page: OpenPhone,
    chromium_browser: Browser,
    firefox_browser: Browser,
) -> PhonePage:
    page = await open_page(440, browser=chromium_browser if request.param == "chromium" else firefox_browser)
    await page.connect(Account("alice", cluster.users["alice"]))
    return page


async def hang_up(page: PhonePage, phone: ScriptedPhone) -> None:
    await page.hang_up()
    await phone.wait_for_end()


async def test_each_digit_of_a_string_arrives_once_and_in_order(page: PhonePage, bob: Baresip) -> None:
    await call_phone(page, bob, "bob")
    await page.send_digits("1122#,A", "auto")
    await bob.wait_for_digits(6)
    await hear_and_be_heard(page, bob)
    await hang_up(page, bob)
    assert bob.digits == "1122#A"


async def test_the_digits_that_a_browser_makes_itself_are_made_again(page: PhonePage, bob: Baresip) -> None:
    await call_phone(page, bob, "bob")
    await page.tab.evaluate(INSERT, "9900*")
    await bob.wait_for_digits(5)
    await hear_and_be_heard(page, bob)
    await hang_up(page, bob)
    assert bob.digits == "9900*"


@pytest.mark.parametrize("phone", [baresip, linphone])
async def test_digits_of_the_phone_arrive_at_the_page(phone: type, cluster: Cordboard, open_page: OpenPhone) -> None:
    page = await open_page(440)
    await page.connect(Account("alice", cluster.users["alice"]))
    async with phone("bob", cluster.users["bob"], cluster.domain, cluster.agents[0].port, frequency=620) as bob:
        await called_by_phone(page, bob, f"sip:alice@{cluster.domain}")
        await page.tab.evaluate(
            "() => { window.digits = []; cordboard.call.on('DTMF', ({ digit }) => digits.push(digit)); }"
        )
        for digit in "79#":
            await bob.press(digit)
            await page.wait_for_log(f".*sent digit [{digit}]")
        await hear_and_be_heard(page, bob)
        await hang_up(page, bob)
        assert await page.tab.evaluate("() => digits.join('')") == "79#"
