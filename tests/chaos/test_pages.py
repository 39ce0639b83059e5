"""Trials R1 and R6, and full relays: a signaling pod is killed, pages vanish, calls find no room."""

import asyncio
import itertools

from tests.chaos.pages import Stage, staged
from tests.support.bus_seats import eventually_empty, sdp
from tests.support.socket_page import SocketPage

from sip_agent.core.syntax.message import Response

TALKING = 3
HARDLY_NOTICED = 1.0  # what a busy machine may take; signaling has no part in media
GRACE_SECONDS = 1.0
_numbers = itertools.count(1)


async def test_calls_outlive_the_signaling_pod_of_their_pages() -> None:
    async with staged(signaling=2) as stage:
        talking = [await stage.talking() for _ in range(TALKING)]
        caller = await stage.at_server()
        await caller.dial("bob")
        invite = await stage.server.expect("INVITE")
        stage.server.respond(invite, 180)
        await caller.expect("call.ringing")
        callee, friend = await stage.at_home("alice"), await stage.at_home("bob", pod=1)
        await friend.dial("alice")
        offer = await callee.ringing()
        await friend.expect("call.ringing")  # so the agent has heard that its page has the call

        begin = asyncio.get_running_loop().time()
        await stage.cluster.signaling[0].kill()
        other = stage.cluster.websocket_url(1)
        for page, _ in talking:
            assert await page.resume(other) == {page.call: "established"}
        assert await caller.resume(other) == {caller.call: "ringing"}
        assert await callee.resume(other) == {callee.call: "incoming"}

        stage.server.respond(invite, 200, sdp(30000))
        await stage.server.expect("ACK")
        await caller.expect("call.established")
        await callee.answer(offer)
        await friend.through()
        ears = [ear for page, phone in talking for ear in (page.ear, phone.ear)]
        await asyncio.gather(*(ear.hears() for ear in (*ears, callee.ear, friend.ear)))
        assert max(ear.gap_since(begin) for ear in ears) < HARDLY_NOTICED

        for page in (*(page for page, _ in talking), callee):
            await page.hang_up()
        assert (await caller.ask("hangup", call=caller.call))["type"] == "ok"
        stage.server.respond(await stage.server.expect("BYE"), 200)
        await stage.nothing_is_left()


async def test_the_calls_of_a_page_that_vanishes_end_after_the_grace_time() -> None:
    async with staged(SIGNALING_RESUME_GRACE_SECONDS=str(GRACE_SECONDS)) as stage:
        talker, caller = await stage.at_server(), await stage.at_server()
        await talker.dial("bob")
        answered = await stage.server.expect("INVITE")
        stage.server.respond(answered, 200, sdp(30000))
        await stage.server.expect("ACK")
        await talker.expect("call.established")
        await caller.dial("bob")
        ringing = await stage.server.expect("INVITE")
        stage.server.respond(ringing, 180)
        await caller.expect("call.ringing")
        for page in (talker, caller):
            page.cut()
        bye = await stage.server.expect("BYE", GRACE_SECONDS + 10.0)
        stage.server.respond(bye, 200)
        cancel = await stage.server.expect("CANCEL", GRACE_SECONDS + 10.0)
        stage.server.respond(cancel, 200)
        stage.server.respond(ringing, 487)
        assert (bye.call_id, cancel.call_id) == (answered.call_id, ringing.call_id)
        await stage.nothing_is_left()
        await eventually_empty(stage.cluster.store.sessions.names)


async def test_a_call_that_finds_all_relays_full_may_come_later() -> None:
    async with staged(RELAY_CAPACITY="1") as stage:
        page = await stage.at_server()
        talker, _ = await stage.talking()
        refusal = await called(stage, page)
        assert refusal.status == 503 and 1 <= refusal.retry_after <= 30
        reply = await page.dial("carol")
        assert (reply["type"], reply["status"]) == ("error", 503)

        await talker.hang_up()
        await stage.nothing_is_left()
        async with asyncio.timeout(10):  # until the relay is heard to have room again
            while (await called(stage, page)).status == 503:
                pass
        await page.ringing()
        await page.hang_up()
        await stage.nothing_is_left()


async def called(stage: Stage, page: SocketPage) -> Response:
    """Call a page from the SIP server; return what is said first, beside that it is tried."""
    fields = [
        ("From", f"<sip:bob@example.com>;tag={stage.server.tag}"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", f"far-call-{next(_numbers)}"),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ]
    target = f"sip:{page.session}@127.0.0.1:{stage.cluster.agents[0].port}"
    stage.server.request("INVITE", target, fields, sdp(30000).encode())
    return await stage.server.response("INVITE", 180)
