"""Video in 1280x720 between two pages, whose packets to and from the relay meet a link that loses some."""

import asyncio
from dataclasses import dataclass

import pytest
from tests.support.browser.tab import Browser
from tests.support.lossy_link import Faults, lossy_link
from tests.support.page import Account, PhonePage, establish, open_phone
from tests.support.services import MEDIA_ADDRESS, cordboard

from media_relay.core.plan import Address

NEAR = "127.0.0.1"  # what the pages are told; the link leads from there to where the relay is
WHOLE = (1280, 720)
WHOLE_SECONDS = 60.0  # it takes ten
CAMERA = {"width": WHOLE[0], "height": WHOLE[1], "frameRate": 20}
LOSS = 0.02  # each way, so that a packet from page to page meets it twice
FRAMES = 200  # ten seconds
MOST_FREEZES = 5
MOST_FROZEN = 3.0  # seconds


@dataclass(frozen=True)
class Watched:
    """What a page says of the video that it gets."""

    size: tuple[int, int]
    decoded: int
    freezes: int
    frozen: float
    lost: int
    received: int

    @classmethod
    async def of(cls, page: PhonePage) -> "Watched":
        (report,) = [report for report in await page.stats("inbound-rtp") if report["kind"] == "video"]
        return cls(
            (report["frameWidth"], report["frameHeight"]),
            report["framesDecoded"],
            report["freezeCount"],
            report["totalFreezesDuration"],
            report["packetsLost"],
            report["packetsReceived"],
        )


async def what_limits(page: PhonePage) -> str:
    """Return why a page sends smaller pictures than its camera makes, by its own account."""
    (report,) = [report for report in await page.stats("outbound-rtp") if report["kind"] == "video"]
    return str(report["qualityLimitationReason"])


async def see_the_whole_size(page: PhonePage, sender: PhonePage) -> None:
    """Wait until a page sees all that the sender's camera makes, or hears that the sender's machine is too busy."""
    await page.sees_moving_pictures()
    async with asyncio.timeout(WHOLE_SECONDS):
        while (await Watched.of(page)).size != WHOLE and await what_limits(sender) != "cpu":
            await page.sees_moving_pictures()


async def watch(page: PhonePage, sender: PhonePage) -> None:
    """Hold what a page sees against the bounds, once it sees the whole size; it comes back to that.

    A sender begins with smaller pictures while it does not know what the way carries, and takes a burst of losses for a
    narrower one. Where its machine is busy it sends smaller ones, too; that is not the way's fault.
    """
    await see_the_whole_size(page, sender)
    before = await Watched.of(page)
    await page.sees_moving_pictures(FRAMES)
    after = await Watched.of(page)
    print(f"{page.name} saw {before}, then {after}")
    await see_the_whole_size(page, sender)
    assert after.freezes - before.freezes <= MOST_FREEZES
    assert after.frozen - before.frozen <= MOST_FROZEN
    assert after.lost - before.lost <= (after.received - before.received) * LOSS / 4  # the rest was sent again


@pytest.mark.alone
@pytest.mark.timeout(60 + 2 * WHOLE_SECONDS)
@pytest.mark.parametrize("forwarder", ["native", "python"])
async def test_video_through_a_link_that_loses_packets_keeps_decoding(
    forwarder: str, chromium_browser: Browser
) -> None:
    async with cordboard(RELAY_ADDRESSES=NEAR, RELAY_FORWARDER=forwarder) as cluster:
        port, url = cluster.relays[0].port, cluster.page_url()
        with lossy_link(Address(MEDIA_ADDRESS, port), Faults(loss=LOSS), near=Address(NEAR, port)) as link:
            alice, bob = [await open_phone(chromium_browser, url, tone, video=CAMERA) for tone in (440, 620)]
            await asyncio.gather(
                *(page.connect(Account(user, cluster.users[user])) for page, user in ((alice, "alice"), (bob, "bob")))
            )
            await establish(alice, bob, "bob")
            await asyncio.gather(watch(alice, bob), watch(bob, alice))
            assert min(link.inward.lost, link.outward.lost) > link.inward.taken * LOSS / 3
            await bob.hang_up()
            await alice.wait_for_call("^FINISH")
            await asyncio.gather(alice.close(), bob.close())
