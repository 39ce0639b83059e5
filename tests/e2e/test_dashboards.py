"""Every panel of every dashboard, asked of a real Prometheus while calls go on and end: all have data."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from deploy.monitoring.dashboards import DASHBOARDS
from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.prometheus import Prometheus, prometheus
from tests.support.services import Cordboard

WINDOW = "30s"


@pytest_asyncio.fixture(loop_scope="session")
async def watched(cluster: Cordboard) -> AsyncIterator[Prometheus]:
    async with prometheus(cluster) as running:
        await running.wait_for("count(up == 1) == 3")
        yield running


async def test_every_panel_has_data(cluster: Cordboard, watched: Prometheus, open_page: OpenPhone) -> None:
    alice, bob = [await open_page(tone) for tone in (440, 660)]
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    for _ in range(2):  # one that ends while the figures are taken, one that goes on
        await establish(alice, bob, "bob")
        await hear_each_other(alice, bob)
        await watched.wait_for("sum(increase(cordboard_media_relay_mos_count[30s])) > 0")
        if _ == 0:
            await alice.hang_up()
            await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    empty = [
        f"{dashboard.uid}: {panel.title}"
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
        if not await watched.query(query.expr.replace("$__rate_interval", WINDOW))
    ]
    assert empty == []
    await alice.hang_up()


@pytest.mark.parametrize("expr", ["cordboard_no_such_metric", "sum(cordboard_no_such_metric)"])
async def test_a_metric_that_is_not_there_would_be_found(watched: Prometheus, expr: str) -> None:
    assert await watched.query(expr) == []


async def test_nothing_is_wrong_with_a_cluster_that_works(watched: Prometheus) -> None:
    assert len(await watched.rules()) > 10
    assert await watched.query('ALERTS{alertstate="firing"}') == []
