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
CAMERA = {"width": 1280, "height": 720, "frameRate": 20}
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


# Else Chromium sends smaller pictures while it does not know yet what the way carries, or where the machine is busy.
KEEP_SIZE = """async () => {
    for (const peer of harness.peers) for (const sender of peer.getSenders()) {
        if (sender.track?.kind !== "video") continue;
        const parameters = sender.getParameters();
        parameters.degradationPreference = "maintain-resolution";
        await sender.setParameters(parameters);
    }
}"""


async def watch(page: PhonePage) -> None:
    """Hold what a page sees against the bounds."""
    await page.sees_moving_pictures()
    before = await Watched.of(page)
    await page.sees_moving_pictures(FRAMES)
    after = await Watched.of(page)
    print(f"{page.name} saw {before}, then {after}")
    assert after.size == (CAMERA["width"], CAMERA["height"])
    assert after.freezes - before.freezes <= MOST_FREEZES
    assert after.frozen - before.frozen <= MOST_FROZEN
    assert after.lost - before.lost <= (after.received - before.received) * LOSS / 4  # the rest was sent again


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
            await asyncio.gather(*(page.tab.evaluate(KEEP_SIZE) for page in (alice, bob)))
            await asyncio.gather(watch(alice), watch(bob))
            assert min(link.inward.lost, link.outward.lost) > link.inward.taken * LOSS / 3
            await bob.hang_up()
            await alice.wait_for_call("^FINISH")
            await asyncio.gather(alice.close(), bob.close())
