"""Pictures in the full phone: a video call, the camera off and on, the screen instead of it, and a second camera."""

import asyncio

import pytest_asyncio
from tests.support.browser.tab import Browser
from tests.support.full_phone import FullPhone, OpenFullPhone
from tests.support.page import hear_each_other
from tests.support.until import until

CAMERA_WIDTH = 320
BLACK = 24  # of 255: what is coded as black, and some noise


@pytest_asyncio.fixture(loop_scope="session")
async def alice(open_full_page: OpenFullPhone, browser: Browser) -> FullPhone:
    return await open_full_page("alice", 440, browser=browser)


@pytest_asyncio.fixture(loop_scope="session")
async def bob(open_full_page: OpenFullPhone) -> FullPhone:
    return await open_full_page("bob", 620)


async def see_each_other(alice: FullPhone, bob: FullPhone) -> None:
    await asyncio.gather(alice.sees_moving_pictures(), bob.sees_moving_pictures())


async def test_a_video_call_with_the_camera_off_and_on(alice: FullPhone, bob: FullPhone) -> None:
    await alice.video_call("bob")
    await bob.wait_for_call("^Incoming video call$")
    await bob.press("answerVideoBtn")
    await see_each_other(alice, bob)
    await hear_each_other(alice, bob)
    await alice.press("cameraBtn")
    await bob.sees(lambda picture: picture.brightness <= BLACK)
    await see_each_other(alice, bob)
    await alice.press("cameraBtn")
    await bob.sees(lambda picture: picture.brightness > 4 * BLACK)
    await alice.hang_up()
    await bob.wait_for_call("^Call ended")


async def test_a_video_call_that_is_answered_without_a_picture(alice: FullPhone, bob: FullPhone) -> None:
    await bob.video_call("alice")
    await alice.wait_for_call("^Incoming video call$")
    await alice.answer()
    await hear_each_other(alice, bob)
    await alice.sees_moving_pictures()
    await until(lambda: alice.is_shown("remoteVideo"))  # that there is something to show is told aside
    assert not await alice.is_shown("localVideo")
    assert not await alice.is_shown("cameraBtn")
    await alice.hang_up()
    await bob.wait_for_call("^Call ended")


async def test_the_screen_is_shared_instead_of_the_camera(open_full_page: OpenFullPhone) -> None:
    alice, bob = await asyncio.gather(open_full_page("alice", 440), open_full_page("bob", 620))
    await alice.video_call("bob")
    await bob.wait_for_call("^Incoming video call$")
    await bob.press("answerVideoBtn")
    await bob.sees(lambda picture: picture.width == CAMERA_WIDTH)
    await alice.press("screenBtn")
    await alice.wait_for_text("screenBtn", "^Stop sharing$")
    await bob.sees(lambda picture: picture.width != CAMERA_WIDTH)
    await see_each_other(alice, bob)
    await alice.press("screenBtn")
    await bob.sees(lambda picture: picture.width == CAMERA_WIDTH)
    await alice.wait_for_text("screenBtn", "^Share$")
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await bob.wait_for_call("^Call ended")
