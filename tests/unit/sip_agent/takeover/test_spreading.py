"""What is too much for an agent, beside what others have."""

import pytest

from sip_agent.core.takeover.spreading import FEW, Load, fair_share, surplus


def test_an_agent_that_is_alone_gives_nothing() -> None:
    assert surplus(Load(2000, 2000), []) == 0


def test_one_that_joins_gets_its_share_of_each() -> None:
    full = Load(900, 2000)
    others = [Load(900, 2000), Load(900, 2000), Load(0, 2000)]
    assert fair_share(full, others) == 675
    assert surplus(full, others) == 225
    assert surplus(Load(0, 2000), [full, full, full]) == 0


def test_a_bigger_agent_has_more() -> None:
    assert fair_share(Load(0, 3000), [Load(400, 1000)]) == 300
    assert surplus(Load(300, 3000), [Load(100, 1000)]) == 0


@pytest.mark.parametrize(("accounts", "gives"), [(FEW, 0), (2 * FEW, 0), (3 * FEW, 3 * FEW // 2), (10 * FEW, 5 * FEW)])
def test_a_few_more_than_others_are_kept(accounts: int, gives: int) -> None:
    assert surplus(Load(accounts, 2000), [Load(0, 2000)]) == gives


def test_it_comes_to_rest() -> None:
    loads = [Load(1000, 2000), Load(0, 2000), Load(10, 2000)]
    for _ in range(10):
        for number, own in enumerate(loads):
            others = loads[:number] + loads[number + 1 :]
            if given := surplus(own, others):
                loads[number] = own._replace(accounts=own.accounts - given)
                emptiest = min(range(3), key=lambda one: loads[one].accounts)
                loads[emptiest] = loads[emptiest]._replace(accounts=loads[emptiest].accounts + given)
    assert sum(load.accounts for load in loads) == 1010
    assert [surplus(own, loads[:number] + loads[number + 1 :]) for number, own in enumerate(loads)] == [0, 0, 0]
