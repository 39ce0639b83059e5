"""Calls and log-ins that fail: the page is told the true reason, the far side is released, all is given back."""

import asyncio

import pytest
import pytest_asyncio
from tests.support.baresip import baresip
from tests.support.kamailio import Kamailio
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.processes import free_ports
from tests.support.services import Cordboard, cordboard
from tests.support.sipp import sipp_server

Pair = tuple[PhonePage, PhonePage]


@pytest_asyncio.fixture(loop_scope="session")
async def pair(cluster: Cordboard, open_page: OpenPhone) -> Pair:
    """Alice and Bob, connected on the built-in domain."""
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await asyncio.gather(*(page.connect(Account(user, cluster.users[user])) for page, user in _named(alice, bob)))
    return alice, bob


def _named(alice: PhonePage, bob: PhonePage) -> tuple[tuple[PhonePage, str], ...]:
    return (alice, "alice"), (bob, "bob")


async def test_callee_rejects(cluster: Cordboard, pair: Pair) -> None:
    alice, bob = pair
    before = await cluster.resting_state()
    await alice.call("bob")
    await bob.wait_for_call("^RING")
    await bob.hang_up()
    await alice.wait_for_call("^FAILED.*603 Decline")
    await bob.wait_for_call("^FINISH")
    await cluster.wait_until_settled(before)


async def test_caller_cancels_while_it_rings(cluster: Cordboard, pair: Pair) -> None:
    alice, bob = pair
    before = await cluster.resting_state()
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await alice.hang_up()
    await alice.wait_for_call("^FINISH")
    await bob.wait_for_call("^FAILED.*487")
    await cluster.wait_until_settled(before)


async def test_callee_does_not_exist(cluster: Cordboard, pair: Pair) -> None:
    alice, _ = pair
    before = await cluster.resting_state()
    await alice.call("nobody")
    await alice.wait_for_call("^FAILED.*404 Not Found")
    assert await cluster.transactions() > 0
    await cluster.wait_until_settled(before)


async def test_callee_is_known_but_not_there(cluster: Cordboard, pair: Pair) -> None:
    alice, _ = pair
    before = await cluster.resting_state()
    await alice.call("carol")
    await alice.wait_for_call("^FAILED.*480 Temporarily Unavailable")
    await cluster.wait_until_settled(before)


async def test_callee_does_not_exist_at_the_sip_server(
    cluster: Cordboard, server: Kamailio, open_page: OpenPhone
) -> None:
    alice = await open_page(440)
    await alice.connect(at(server, "alice"))
    before = await cluster.resting_state()
    await alice.call("nobody")
    await alice.wait_for_call("^FAILED.*404 Not Found")
    await cluster.wait_until_settled(before)


def at(server: Kamailio, user: str, password: str = "") -> Account:
    """The account of a user of Kamailio."""
    password = password or server.users[user]
    return Account(user, password, server.domain, outbound_proxy=server.host, port=server.port)


async def test_wrong_password_at_the_sip_server(server: Kamailio, open_page: OpenPhone) -> None:
    alice = await open_page(440)
    shown = await alice.connect(at(server, "alice", "wrong"), expect="^FAILED")
    assert "401 Unauthorized" in shown


async def test_wrong_password_at_the_built_in_domain(open_page: OpenPhone) -> None:
    alice = await open_page(440)
    shown = await alice.connect(Account("alice", "wrong"), expect="^FAILED")
    assert "401 Unauthorized" in shown


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("nowhere.invalid", "503"),  # a name without an address
        ("127.0.0.1", "408 Request Timeout"),  # UDP: silence until Timer F, 32 s (RFC 3261 §17.1.2.2)
    ],
    ids=["unknown name", "UDP silence"],
)
async def test_sip_server_is_unreachable(proxy: str, reason: str, open_page: OpenPhone) -> None:
    alice = await open_page(440)
    nowhere = Account("alice", "alice", "sip.test", outbound_proxy=proxy, port=free_ports())
    shown = await alice.connect(nowhere, expect="^FAILED", within=40)
    assert reason in shown


async def test_the_last_transaction_ends(cluster: Cordboard) -> None:
    """Those of the tests before: a transaction lives for 32 s after its end, and no longer (RFC 3261 §17)."""
    await cluster.wait_until_no_transactions()
    assert await cluster.transactions() == 0


async def test_far_side_refuses_with_a_reason_of_its_own(cluster: Cordboard, open_page: OpenPhone) -> None:
    async with sipp_server("reject", status="480", reason="Gone Fishing") as (_, port):
        alice = await open_page(440)
        account = Account("alice", "alice", "sip.test", outbound_proxy="127.0.0.1", port=port, register=False)
        await alice.connect(account, expect="^ESTABLISHED")
        before = await cluster.resting_state()
        await alice.call("bob")
        await alice.wait_for_call("^FAILED.*480 Gone Fishing")
        await cluster.wait_until_settled(before)


async def test_far_side_is_busy(cluster: Cordboard, open_page: OpenPhone) -> None:
    async with sipp_server("reject", status="486", reason="Busy Here") as (_, port):
        alice = await open_page(440)
        account = Account("alice", "alice", "sip.test", outbound_proxy="127.0.0.1", port=port, register=False)
        await alice.connect(account, expect="^ESTABLISHED")
        before = await cluster.resting_state()
        await alice.call("bob")
        await alice.wait_for_call("^BUSY")
        await cluster.wait_until_settled(before)


async def test_page_is_closed_in_a_call(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await bob.connect(Account("bob", cluster.users["bob"]))
    before = await cluster.resting_state()
    await alice.connect(Account("alice", cluster.users["alice"]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await alice.close()
    await bob.wait_for_call("^FINISH")
    await cluster.wait_until_settled(before)


async def test_page_is_closed_while_it_rings(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await alice.connect(Account("alice", cluster.users["alice"]))
    before = await cluster.resting_state()
    await bob.connect(Account("bob", cluster.users["bob"]))
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await bob.close()
    await alice.wait_for_call("^FAILED.*480")
    await cluster.wait_until_settled(before)


async def test_phone_is_released_when_the_page_in_a_call_with_it_is_closed(
    cluster: Cordboard, server: Kamailio, open_page: OpenPhone
) -> None:
    async with baresip("carol", server.users["carol"], server.domain, server.port, frequency=620) as carol:
        before = await cluster.resting_state()
        page = await open_page(440)
        await page.connect(at(server, "alice"))
        await page.call("carol")
        await carol.wait_for("CALL_INCOMING")
        await carol.accept()
        await page.wait_for_call("^ESTABLISHED")
        await page.close()
        await carol.wait_for("CALL_CLOSED")
        await cluster.wait_until_settled(before)


async def test_nobody_answers(open_page: OpenPhone) -> None:
    async with cordboard(AGENT_RING_SECONDS="4") as impatient:
        alice, bob = await asyncio.gather(
            open_page(440, url=impatient.page_url()), open_page(620, url=impatient.page_url())
        )
        for page, user in _named(alice, bob):
            await page.connect(Account(user, impatient.users[user]))
        before = await impatient.resting_state()
        # Waited for before it comes: it does not ring for long.
        await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"), alice.call("bob"))
        await alice.wait_for_call("^FAILED.*(408|480)")
        await bob.wait_for_call("^(FAILED|FINISH)")
        await impatient.wait_until_settled(before)
