"""The full phone in either browser: a call and each of its buttons, with another full phone at the other side."""

import asyncio

import pytest
import pytest_asyncio
from tests.support.browser.tab import Browser
from tests.support.full_phone import FullPhone, OpenFullPhone
from tests.support.page import establish, hear_each_other


@pytest_asyncio.fixture(loop_scope="session")
async def alice(open_full_page: OpenFullPhone, browser: Browser) -> FullPhone:
    return await open_full_page("alice", 440, browser=browser)


@pytest_asyncio.fixture(loop_scope="session")
async def bob(open_full_page: OpenFullPhone) -> FullPhone:
    return await open_full_page("bob", 620)


async def talk(alice: FullPhone, bob: FullPhone) -> None:
    """Alice calls bob, and they hear each other."""
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)


async def hang_up(alice: FullPhone, bob: FullPhone) -> None:
    """Alice hangs up, and both pages say who did."""
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^Call ended$"), bob.wait_for_call("^Call ended by the other side$"))


async def test_calls_go_both_ways_and_are_remembered(alice: FullPhone, bob: FullPhone) -> None:
    await talk(alice, bob)
    await hang_up(bob, alice)
    await establish(bob, alice, "alice")
    await hear_each_other(alice, bob)
    await hang_up(alice, bob)
    for page, other in ((alice, "bob"), (bob, "alice")):
        assert [call[:-2] for call in await page.past_calls()] == [f"{other}: 0:"] * 2


async def test_what_came_of_calls_that_nobody_took(alice: FullPhone, bob: FullPhone) -> None:
    await alice.call("bob")
    await bob.wait_for_call("^Incoming call$")
    await bob.hang_up()
    await alice.wait_for_call("^No connection · 603 Decline, ended by the other side$")
    await alice.call("bob")
    await bob.wait_for_call("^Incoming call$")
    await alice.hang_up()
    await bob.wait_for_call("487")
    await alice.wait_for_call("^Call ended")  # bob may know before, and until then there is no place to dial
    await alice.call("nobody")
    await alice.wait_for_call("404")
    assert await alice.past_calls() == ["nobody: 404 Not Found", "bob: given up", "bob: 603 Decline"]
    assert await bob.past_calls() == ["alice: missed", "alice: declined"]


async def test_a_past_call_is_called_again(alice: FullPhone, bob: FullPhone) -> None:
    await talk(alice, bob)
    await hang_up(alice, bob)
    await bob.press("recentsTab")
    await bob.press_at("#historyList .entry")
    await alice.wait_for_call("^Incoming call$")
    await alice.answer()
    await hear_each_other(alice, bob)
    await hang_up(bob, alice)
    await bob.press("clearHistoryBtn")
    assert await bob.past_calls() == []


async def test_hold_resume_and_mute(alice: FullPhone, bob: FullPhone) -> None:
    await talk(alice, bob)
    await alice.hold()
    await bob.wait_for_call("^On hold by the other side$")
    await asyncio.gather(alice.hears_silence(), bob.hears_silence())
    await bob.hold()
    await alice.wait_for_call("^On hold by both sides$")
    await alice.unhold()
    await bob.unhold()
    await hear_each_other(alice, bob)
    await alice.toggle_mute()
    await bob.hears_silence()
    await alice.hears(bob.frequency)
    await alice.toggle_mute()
    await hear_each_other(alice, bob)
    await hang_up(alice, bob)


async def test_the_quality_is_shown_as_a_number(alice: FullPhone, bob: FullPhone) -> None:
    await talk(alice, bob)
    await asyncio.gather(*(page.wait_for_text("mos", "^(Good|Fair|Weak|Bad)$") for page in (alice, bob)))
    label = await alice.label("meter")
    assert "of 5: opus" in label and "loss" in label, label
    await hang_up(alice, bob)


async def test_digits_by_info_are_told(alice: FullPhone, bob: FullPhone) -> None:
    await talk(alice, bob)
    await alice.send_digits("4#", "info")
    await bob.wait_for_notice("^alice pressed #$")
    await hang_up(alice, bob)


async def test_messages_go_both_ways_and_are_kept_over_a_reload(alice: FullPhone, bob: FullPhone) -> None:
    await alice.send_message("Grüße", to="bob")
    await bob.wait_for_text("unread", "^1$")
    await bob.wait_for_notice("^alice: Grüße$")
    await bob.press("messagesTab")
    await bob.wait_for_text("messageList", "alice.*Grüße")
    await bob.send_message("& <b>you</b>", to="alice")
    await alice.wait_for_text("messageList", "bob.*& <b>you</b>")
    await alice.send_message("hello?", to="nobody")
    await alice.wait_for_text("messageList", "hello\\?not delivered: .*404")
    await alice.tab.reload()
    await alice.wait_for_session("^Ready$")
    await alice.wait_for_text("messageList", "to bob.*Grüße.*bob.*& <b>you</b>.*hello\\?not delivered")
    await alice.press("logoutBtn")
    await alice.wait_for_text("messageList", "^$")


@pytest.mark.parametrize("moment", ["idle", "ringing"])
async def test_a_reloaded_page_is_still_logged_in(moment: str, alice: FullPhone, bob: FullPhone) -> None:
    if moment == "ringing":
        await bob.call("alice")
        await alice.wait_for_call("^Incoming call$")
    await alice.tab.reload()
    await alice.wait_for_session("^Ready$")
    if moment == "idle":
        await bob.call("alice")
    await alice.wait_for_call("^Incoming call$")
    await bob.wait_for_call("^Ringing$")
    await alice.answer()
    await hear_each_other(alice, bob)
    await hang_up(alice, bob)


@pytest.mark.alone
async def test_a_lost_socket_is_not_heard(alice: FullPhone, bob: FullPhone) -> None:
    await talk(alice, bob)

    async def lose_both() -> None:
        await asyncio.gather(alice.lose_socket(), bob.lose_socket())
        await asyncio.gather(alice.wait_for_session("^Ready$"), bob.wait_for_session("^Ready$"))

    await alice.hears_all_along(bob.frequency, bob.hears_all_along(alice.frequency, lose_both()))
    await asyncio.gather(alice.wait_for_call("^In call$"), bob.wait_for_call("^In call$"))
    await hang_up(alice, bob)


async def test_the_keyboard_is_a_telephone(alice: FullPhone, bob: FullPhone) -> None:
    await bob.call("alice")
    await alice.wait_for_call("^Incoming call$")
    await alice.type_key("Enter")
    await alice.wait_for_call("^In call$")  # she may hear bob before, when a key would find no button
    await hear_each_other(alice, bob)
    await alice.type_key("m")
    await bob.hears_silence()
    await alice.type_key("m")
    await alice.type_key("h")
    await bob.wait_for_call("^On hold by the other side$")
    # A key does what its button does, and that one waits for the answer: bob may know before.
    await alice.wait_for_call("^On hold$")
    await alice.type_key("h")
    await bob.wait_for_call("^In call$")
    await alice.wait_for_call("^In call$")
    await alice.type_key("k")
    for key in "12#":
        await alice.type_key(key)
    await alice.wait_for_text("digits", "^12#$")
    await alice.type_key("k")
    await alice.type_key("n")
    await alice.press("backBtn")
    await alice.type_key("t")
    await alice.press("transferCancel")
    await hang_up(alice, bob)
