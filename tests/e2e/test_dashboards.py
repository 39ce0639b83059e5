"""Every panel of every dashboard, asked of a real Prometheus while calls go on and end: all have data.

Most panels show 0 for what has not happened, so that an answer proves little: what they, and the alerts, ask for must
be there as well, by the names, labels and values that they use.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import pytest_asyncio
from deploy.monitoring.dashboards import DASHBOARDS
from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.prometheus import Prometheus, prometheus
from tests.support.promql import Selector, expressions, selectors
from tests.support.services import Cordboard
from tests.support.until import until

WINDOW = "30s"
SCRAPED_WITHIN = 20.0
# Metrics of what the cluster has not set up: they are there with the first request of other services, the first hook.
# tests/unit/deploy/test_queries.py knows that a pod may have them.
NOT_SET_UP = {
    "cordboard_signaling_rest_requests_total",
    "cordboard_signaling_hook_seconds_bucket",
    "cordboard_signaling_hook_seconds_count",
}


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
    await until_none(partial(empty_panels, watched))
    await until_none(partial(not_there, watched))
    await alice.hang_up()


async def until_none(look: Callable[[], Awaitable[list[str]]]) -> None:
    """Wait until nothing is missed: what has just been counted is scraped a moment later, and a rate takes two."""
    missed = ["the first look at it"]

    async def are_none() -> bool:
        missed[:] = await look()
        return missed == []

    with contextlib.suppress(TimeoutError):  # what was missed says more
        await until(are_none, SCRAPED_WITHIN)
    assert missed == []


async def empty_panels(watched: Prometheus) -> list[str]:
    """Return the panels that show nothing."""
    return [
        f"{dashboard.uid}: {panel.title}"
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
        if not await watched.query(query.expr.replace("$__rate_interval", WINDOW))
    ]


async def not_there(watched: Prometheus) -> list[str]:
    """Return what is asked for in vain."""
    asked = {selector for expr in expressions() for selector in selectors(expr)}
    return [str(one) for one in sorted(asked) if one.metric not in NOT_SET_UP and await faults(watched, one)]


async def faults(watched: Prometheus, selector: Selector) -> list[str]:
    """Return what there is no series of: what is asked for, and each label that it needs."""
    wanted = [str(selector), *(f'{selector.metric}{{{label}!=""}}' for label in selector.labels)]
    return [expr for expr in wanted if not await watched.query(expr)]


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(cordboard_no_such_metric[5m])) or vector(0)",
        'cordboard_sip_agent_calls_total{result="no such result"} or vector(0)',
        "sum by (no_such_label) (up) or vector(0)",
    ],
)
async def test_what_nothing_answers_to_would_be_found(watched: Prometheus, expr: str) -> None:
    assert await watched.query(expr) != []
    assert [fault for selector in selectors(expr) for fault in await faults(watched, selector)] != []


async def test_nothing_is_wrong_with_a_cluster_that_works(watched: Prometheus) -> None:
    assert len(await watched.rules()) > 10
    assert await watched.query('ALERTS{alertstate="firing"}') == []
