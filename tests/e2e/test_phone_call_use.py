"""A page and a real SIP phone of the built-in domain use their call: hold from either side, digits, messages."""

import functools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.baresip import baresip
from tests.support.linphone import Linphone, linphone
from tests.support.page import Account, OpenPhone, PhonePage, call_phone, called_by_phone, hear_and_be_heard
from tests.support.scripted_phone import Phone, ScriptedPhone
from tests.support.services import Cordboard


@pytest_asyncio.fixture(loop_scope="session", params=[baresip, linphone], ids=["baresip", "linphone"])
async def bob(request: pytest.FixtureRequest, cluster: Cordboard) -> AsyncIterator[ScriptedPhone]:
    phone: Phone = request.param
    async with phone("bob", cluster.users["bob"], cluster.domain, cluster.agents[0].port, frequency=620) as bob:
        yield bob


@pytest_asyncio.fixture(loop_scope="session")
async def alice(cluster: Cordboard, bob: ScriptedPhone, open_page: OpenPhone) -> PhonePage:
    page = await open_page(440)
    await page.connect(Account("alice", cluster.users["alice"]))
    return page


async def test_the_page_holds_and_resumes(alice: PhonePage, bob: ScriptedPhone) -> None:
    await call_phone(alice, bob, "bob")
    for _ in range(2):
        await alice.hold()
        await alice.hears_silence()
        if isinstance(bob, Linphone):
            await bob.wait_for_silence()
        await alice.unhold()
        await hear_and_be_heard(alice, bob)
    await alice.hang_up()
    await bob.wait_for_end()


async def test_the_phone_holds_and_resumes(alice: PhonePage, bob: ScriptedPhone, cluster: Cordboard) -> None:
    await called_by_phone(alice, bob, f"sip:alice@{cluster.domain}")
    for _ in range(2):
        await bob.hold()
        await alice.wait_for_call("^HOLD the other side holds")
        if isinstance(bob, Linphone):
            await bob.wait_for_silence()  # it goes on to send, for a music on hold
        else:
            await alice.hears_silence()
        await bob.resume()
        await alice.wait_for_call("^ESTABLISHED")
        await hear_and_be_heard(alice, bob)
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")


@pytest.mark.parametrize("method", ["rfc4733", "info"])
async def test_digits_of_the_page_arrive_at_the_phone(method: str, alice: PhonePage, bob: ScriptedPhone) -> None:
    await call_phone(alice, bob, "bob")
    await alice.send_digits("15#", method)
    for digit in "15#":
        await bob.wait_for_digit(digit)
    await hear_and_be_heard(alice, bob)
    await alice.hang_up()
    await bob.wait_for_end()


@pytest.mark.parametrize("bob", [functools.partial(linphone, digits_by_info=True)], ids=["linphone"], indirect=True)
async def test_digits_by_info_of_the_phone_arrive_at_the_page(
    alice: PhonePage, bob: ScriptedPhone, cluster: Cordboard
) -> None:
    await called_by_phone(alice, bob, f"sip:alice@{cluster.domain}")
    for digit in "7*":
        await bob.press(digit)
        await alice.wait_for_log(f".*sent digit [{digit}]")
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")


@pytest.mark.parametrize("bob", [linphone], ids=["linphone"], indirect=True)
async def test_messages_arrive_both_ways_inside_a_call_and_outside(
    alice: PhonePage, bob: Linphone, cluster: Cordboard
) -> None:
    await alice.send_message("Guten Tag", to="bob")
    assert (await bob.wait_for_message()) == "Guten Tag"
    await bob.send_message(f"sip:alice@{cluster.domain}", "good morning")
    await alice.wait_for_log("bob@cordboard.test: good morning")
    await call_phone(alice, bob, "bob")
    await alice.send_message("hear you")
    assert (await bob.wait_for_message()) == "hear you"
    await bob.send_message(f"sip:alice@{cluster.domain}", "and I you")
    await alice.wait_for_log("bob@cordboard.test: and I you")
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")
