"""What other services do with calls by the REST API, as real phones hear it: held, sent on, connected."""

import asyncio

import httpx
import pytest
from tests.e2e.test_rest import account, cluster, first, only_call, phone, second, until, until_through
from tests.support.browser.tab import Browser
from tests.support.linphone import Linphone, linphone
from tests.support.page import Account, call_phone, hear_and_be_heard, open_phone
from tests.support.scripted_phone import ScriptedPhone
from tests.support.services import Cordboard

__all__ = ["cluster", "first", "second"]  # fixtures

pytestmark = pytest.mark.peers


async def hear(one: ScriptedPhone, other: ScriptedPhone) -> None:
    """Wait until each hears the other's pitch, clean."""
    await asyncio.gather(one.wait_for_tone(other.frequency), other.wait_for_tone(one.frequency))


async def call(cluster: Cordboard, rest: httpx.AsyncClient, session: str, callee: str, phone: ScriptedPhone) -> str:
    """Let a session without a page call a phone, which answers; return the call's path."""
    started = await rest.post("api/v1/calls", json={"session": session, "to": callee})
    await phone.wait_for_ring()
    await phone.accept()
    await until(rest, started.json()["id"], lambda told: told["state"] == "established")
    await until_through(cluster, started.json()["id"])
    return f"api/v1/calls/{started.json()['id']}"


async def test_the_far_side_of_a_page_is_held_and_sent_on_by_another_service(
    cluster: Cordboard, second: httpx.AsyncClient, chromium_browser: Browser
) -> None:
    alice = await open_phone(chromium_browser, cluster.page_url(0), 440)
    await alice.connect(Account("alice", cluster.users["alice"]))
    port = cluster.agents[0].port
    async with (
        linphone("bob", cluster.users["bob"], cluster.domain, port, frequency=620) as bob,
        phone(cluster, "carol", 830) as carol,
    ):
        await call_phone(alice, bob, "bob")
        told = await only_call(second, state="established")
        path = f"api/v1/calls/{told['id']}"
        assert (await second.post(f"{path}/hold")).status_code == 202
        await asyncio.gather(alice.wait_for_call("^HOLD you"), alice.hears_silence(), bob.wait_for_silence())
        assert (await second.post(f"{path}/unhold")).status_code == 202
        await alice.wait_for_call("^ESTABLISHED")
        await hear_and_be_heard(alice, bob)
        assert (await second.post(f"{path}/transfer", json={"to": "carol"})).status_code == 202
        await carol.wait_for_ring()
        await carol.accept()
        await hear(bob, carol)
        await alice.wait_for_log("transfer: 200 .*")
        await alice.wait_for_call("^FINISH 200")
        await bob.hang_up()
        await carol.wait_for_end()
    await alice.close()


async def test_two_calls_of_a_service_are_connected(
    cluster: Cordboard, first: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    session = (await first.post("api/v1/sessions", json={"account": account(cluster)})).json()["id"]
    port = cluster.agents[0].port
    bob: Linphone
    async with (
        linphone("bob", cluster.users["bob"], cluster.domain, port, frequency=620) as bob,
        linphone("carol", cluster.users["carol"], cluster.domain, port, frequency=830) as carol,
    ):
        to_bob = await call(cluster, first, session, "bob", bob)
        to_carol = await call(cluster, second, session, "carol", carol)
        assert (await first.post(f"{to_bob}/hold")).status_code == 202
        await until(second, to_bob.rpartition("/")[2], lambda told: told["held"]["local"])
        other = {"other": to_bob.rpartition("/")[2]}
        assert (await second.post(f"{to_carol}/transfer", json=other)).status_code == 202
        await hear(bob, carol)
        for path in (to_bob, to_carol):
            told = await until(first, path.rpartition("/")[2], lambda told: told["state"] == "ended")
            assert told["end"]["status"] == 200
        await bob.hang_up()
        await carol.wait_for_end()
