"""What a screen reader is told of the full phone: every button, field and list has a name, whatever the page shows."""

import asyncio
from collections.abc import Sequence

from tests.support.browser.chromium import ChromiumTab, Spoken
from tests.support.full_phone import FullPhone, OpenFullPhone
from tests.support.page import establish

NAMED = {"button", "textbox", "combobox", "checkbox", "spinbutton", "tab", "link", "dialog", "image", "list", "group"}
CALL_BUTTONS = {"Mute", "Hold", "Keypad", "Transfer", "New call", "Hang up"}


async def read(page: FullPhone) -> Sequence[Spoken]:
    """Return what is read out, once it is sure that nothing of it is without a name."""
    assert isinstance(page.tab, ChromiumTab)
    spoken = await page.tab.accessibility_tree()
    nameless = [one for one in spoken if one.role in NAMED and not one.name]
    assert not nameless, nameless
    return spoken


def names(spoken: Sequence[Spoken], role: str) -> set[str]:
    return {one.name for one in spoken if one.role == role}


async def test_every_button_and_field_has_a_name(open_full_page: OpenFullPhone) -> None:
    alice, bob = await asyncio.gather(open_full_page("alice", 440), open_full_page("bob", 620))
    idle = await read(alice)
    digits = {*"0123456789", "star", "hash"}
    assert names(idle, "button") >= {*digits, "Call", "Video call", "Log out"}
    assert names(idle, "tab") == {"Recents", "Messages", "Settings"}
    await alice.press("settingsTab")
    assert names(await read(alice), "combobox") >= {"Microphone", "Camera", "Digits are sent"}
    await alice.press("messagesTab")
    assert names(await read(alice), "textbox") >= {"To whom", "Message"}
    await bob.video_call("alice")
    await alice.wait_for_call("^Incoming")
    assert names(await read(alice), "button") >= {"Answer", "Answer with video", "Decline"}
    await alice.press("answerVideoBtn")
    await bob.wait_for_call("^In call")
    await alice.wait_for_text("mos", "^(Good|Fair|Weak|Bad)$")  # not at once: it is to be measured
    talking = await read(alice)
    assert names(talking, "button") >= {*CALL_BUTTONS, "Camera off", "Share"}
    assert any("of 5" in name for name in names(talking, "image"))
    await alice.press("muteBtn")
    await alice.hold()
    assert names(await read(alice), "button") >= {"Unmute", "Resume"}
    await alice.press("transferOpen")
    dialog = await read(alice)
    assert names(dialog, "dialog") == {"Transfer"}
    assert names(dialog, "textbox") >= {"To somebody else"}
    await alice.press("transferCancel")
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^Call ended"), bob.wait_for_call("^Call ended"))
    await alice.press("recentsTab")
    assert any(name.startswith("Call bob") for name in names(await read(alice), "button"))


async def test_calls_that_wait_are_announced(open_full_page: OpenFullPhone) -> None:
    alice, bob, carol = await asyncio.gather(
        open_full_page("alice", 440), open_full_page("bob", 620), open_full_page("carol", 830)
    )
    await establish(alice, bob, "bob")
    await carol.call("alice")
    await alice.wait_for_other("carol.*Incoming call")
    assert names(await read(alice), "button") >= {"Hold this call and answer carol", "Decline carol"}
    await alice.take_other()
    await alice.wait_for_other("bob.*On hold")
    spoken = await read(alice)
    assert names(spoken, "button") >= {"Hold this call and talk to bob", "End bob"}
    assert names(spoken, "list") >= {"Other calls"}
    await alice.press("transferOpen")
    assert "Connect with bob" in names(await read(alice), "button")
    await alice.press("transferCancel")
    await alice.end_other()
    await bob.wait_for_call("^Call ended")
    await alice.hang_up()
    await carol.wait_for_call("^Call ended")
