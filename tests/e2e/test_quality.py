"""How good a call is, measured by the relay, as a page and Prometheus hear of it."""

from typing import Any

import pytest
from tests.support.baresip import baresip
from tests.support.page import Account, OpenPhone, call_phone
from tests.support.services import Cordboard

PREFIX = "cordboard_media_relay"
# Until each leg has a score, which takes a sender report and its answer on both.
MEASURED = """() => new Promise((resolve) => {
  const off = cordboard.call.on("RELAY_QUALITY", ({ legs, unheard }) => {
    const scored = legs.filter(({ kind, mos }) => kind === "audio" && mos !== null);
    if (scored.length < 2) return;
    off();
    resolve({ legs: scored, unheard });
  });
})"""


@pytest.mark.alone
async def test_a_call_of_a_page_and_a_phone_shows_measured_values_in_the_page_and_in_metrics(
    cluster: Cordboard, open_page: OpenPhone
) -> None:
    (relay,) = cluster.relays
    async with baresip(
        "bob", cluster.users["bob"], cluster.domain, cluster.agents[0].port, frequency=620, transport="udp"
    ) as bob:
        alice = await open_page(440)
        await alice.connect(Account("alice", cluster.users["alice"]))
        before = await relay.metrics()
        await call_phone(alice, bob, "bob")
        quality: dict[str, Any] = await alice.tab.evaluate(MEASURED)
        legs = {leg["side"]: leg for leg in quality["legs"]}
        assert set(legs) == {"browser", "sip"}
        assert quality["unheard"] == []
        for leg in legs.values():
            assert 0 <= leg["loss"] < 0.05
            assert 0 < leg["jitter"] < 0.1
            assert 0 <= leg["roundTrip"] < 1
            assert 3.5 < leg["mos"] <= 4.41
            assert 0 <= leg["reportedLoss"] < 0.05
        after = await relay.metrics()
        for name in ("loss_ratio", "jitter_seconds", "round_trip_seconds", "mos"):
            for side in legs:
                count = f"{PREFIX}_{name}_count,kind=audio,side={side}"
                assert after[count] > before.get(count, 0), count
        for side in legs:  # both report by themselves
            own = f"{PREFIX}_own_reports_total,to={side}"
            assert after.get(own, 0) == before.get(own, 0)
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")
