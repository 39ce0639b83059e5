"""Several calls of the full phone at once, with real SIP phones: waiting, switching, one-call mode, transfers."""

import asyncio

import pytest
import pytest_asyncio
from tests.support.baresip import Baresip, baresip
from tests.support.browser.tab import Browser
from tests.support.full_phone import FullPhone, OpenFullPhone
from tests.support.linphone import linphone
from tests.support.page import call_phone, called_by_phone, hear_and_be_heard
from tests.support.scripted_phone import ScriptedPhone, StartPhone
from tests.support.services import Cordboard

ALICE = f"sip:alice@{Cordboard.domain}"


@pytest_asyncio.fixture(loop_scope="session")
async def alice(open_full_page: OpenFullPhone, browser: Browser) -> FullPhone:
    return await open_full_page("alice", 440, browser=browser)


async def hear(one: ScriptedPhone, other: ScriptedPhone) -> None:
    """Wait until each hears the other's pitch, clean."""
    await asyncio.gather(one.wait_for_tone(other.frequency), other.wait_for_tone(one.frequency))


async def test_a_second_call_waits_is_taken_and_the_first_is_held(alice: FullPhone, start_phone: StartPhone) -> None:
    bob, carol = await asyncio.gather(start_phone(linphone, "bob", 620), start_phone(baresip, "carol", 830))
    await called_by_phone(alice, bob, ALICE)
    await carol.dial(ALICE)
    await alice.wait_for_other("carol.*Incoming call")
    await hear_and_be_heard(alice, bob)  # nothing has changed so far
    await alice.take_other()
    await alice.wait_for_text("partyName", "^carol$")
    await alice.wait_for_call("^In call$")
    await alice.wait_for_other("bob.*On hold")
    await asyncio.gather(hear_and_be_heard(alice, carol), bob.wait_for_silence())
    await alice.take_other()
    await alice.wait_for_text("partyName", "^bob$")
    await alice.wait_for_other("carol.*On hold")
    await hear_and_be_heard(alice, bob)
    await bob.hang_up()
    await alice.wait_for_text("partyName", "^carol$")  # who was held comes forward, and is held still
    await alice.wait_for_call("^On hold$")
    await alice.unhold()
    await hear_and_be_heard(alice, carol)
    await alice.hang_up()
    await asyncio.gather(carol.wait_for_end(), alice.wait_for_call("^Call ended"))
    assert len(await alice.past_calls()) == 2


async def test_a_call_that_waits_is_declined_or_gives_up(alice: FullPhone, start_phone: StartPhone) -> None:
    bob, carol = await asyncio.gather(start_phone(baresip, "bob", 620), start_phone(baresip, "carol", 830))
    await call_phone(alice, bob, "bob")
    await carol.dial(ALICE)
    await alice.wait_for_other("carol.*Incoming call")
    await alice.end_other()
    assert (await carol.wait_for("CALL_CLOSED"))["param"] == "603 Decline"
    await alice.wait_for_other("^$")  # or the call that is over would be taken for the next one
    await carol.dial(ALICE)
    await alice.wait_for_other("carol.*Incoming call")
    await carol.hang_up()
    await alice.wait_for_notice("^carol: .*487")
    assert await alice.past_calls() == ["carol: missed", "carol: declined"]
    await hear_and_be_heard(alice, bob)
    await alice.hang_up()
    await bob.wait_for_end()


async def test_in_one_call_mode_others_hear_busy(alice: FullPhone, start_phone: StartPhone) -> None:
    bob, carol = await asyncio.gather(start_phone(baresip, "bob", 620), start_phone(baresip, "carol", 830))
    await alice.choose(oneCall=True)
    await call_phone(alice, bob, "bob")
    await carol.dial(ALICE)
    assert (await carol.wait_for("CALL_CLOSED"))["param"] == "486 Busy Here"
    await alice.choose(oneCall=False)
    await carol.dial(ALICE)
    await alice.wait_for_other("carol.*Incoming call")
    await carol.hang_up()
    await carol.wait_for_end()
    await alice.wait_for_other("^$")  # or it would take the place of bob's on the stage
    await hear_and_be_heard(alice, bob)
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")


async def test_the_person_called_is_busy(alice: FullPhone, start_phone: StartPhone) -> None:
    bob: Baresip = await start_phone(baresip, "bob", 620)
    await alice.call("bob")
    await bob.wait_for_ring()
    await bob.command("hangup", "scode=486 reason=Busy")
    await alice.wait_for_call("^Busy · 486 ")


@pytest.mark.parametrize("method", ["rfc4733", "info"])
async def test_keys_arrive_as_digits(method: str, alice: FullPhone, start_phone: StartPhone) -> None:
    bob: Baresip = await start_phone(baresip, "bob", 620)
    await call_phone(alice, bob, "bob")
    await alice.send_digits("1590*#", method)
    for digit in "1590*#":
        await bob.wait_for_digit(digit)
    await hear_and_be_heard(alice, bob)
    await alice.hang_up()
    await bob.wait_for_end()


async def test_a_blind_transfer(alice: FullPhone, start_phone: StartPhone) -> None:
    bob, carol = await asyncio.gather(start_phone(baresip, "bob", 620), start_phone(baresip, "carol", 830))
    await call_phone(alice, bob, "bob")
    await alice.transfer("nobody")
    await alice.wait_for_notice("^Transfer to nobody: .*404")
    await hear_and_be_heard(alice, bob)
    await alice.transfer("carol")
    await carol.wait_for_ring()
    await carol.accept()
    await hear(bob, carol)
    await alice.wait_for_notice("^Transferred to carol$")
    await alice.wait_for_call("^Call ended")
    await bob.hang_up()
    await carol.wait_for_end()


async def test_an_attended_transfer_to_linphone(alice: FullPhone, start_phone: StartPhone) -> None:
    bob, carol = await asyncio.gather(start_phone(linphone, "bob", 620), start_phone(linphone, "carol", 830))
    await call_phone(alice, bob, "bob")
    await alice.second_call("carol")
    await carol.wait_for_ring()
    await carol.accept()
    await alice.wait_for_text("partyName", "^carol$")
    await alice.wait_for_other("bob.*On hold")
    await hear_and_be_heard(alice, carol)
    # It may be shown for a moment only: which of the two calls ends first is the phones' to decide.
    await asyncio.gather(alice.wait_for_notice("^Transferred to bob$"), alice.transfer_to_other())
    await hear(bob, carol)
    await bob.hang_up()
    await carol.wait_for_end()


async def test_the_far_side_sends_the_phone_on(alice: FullPhone, start_phone: StartPhone) -> None:
    bob, carol = await asyncio.gather(start_phone(baresip, "bob", 620), start_phone(baresip, "carol", 830))
    await call_phone(alice, bob, "bob")
    await bob.transfer(f"sip:carol@{Cordboard.domain}")
    await carol.wait_for_ring()
    await carol.accept()
    await alice.wait_for_notice("^Now with carol$")
    await alice.wait_for_text("partyName", "^carol$")
    await hear_and_be_heard(alice, carol)
    await carol.hang_up()
    await alice.wait_for_call("^FINISH")
