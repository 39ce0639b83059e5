"""What `make scaling` sets and says; that a kernel keeps a process to its share is not shown here."""

from pathlib import Path

import pytest
from bench.scaling.__main__ import row
from bench.scaling.reading import Reading, core_ticks, efficiency, most
from bench.scaling.shares import PERIOD_US, Hierarchy, NoShares, find_hierarchy

V1 = "30 23 0:26 / {} rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct"
V2 = "31 23 0:27 / {} rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
OTHER = "32 23 0:28 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset"


def reading(capacity: float) -> Reading:
    return Reading(capacity, used=1.0, throttled=1.0, load=0.5)


def test_version_1_is_found_by_its_controller() -> None:
    assert find_hierarchy(f"{OTHER}\n{V1.format('/cpu')}") == Hierarchy(Path("/cpu"), 1)


def test_version_2_is_taken_where_it_gives_quotas(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("cpuset cpu io\n")
    assert find_hierarchy(V2.format(tmp_path)) == Hierarchy(tmp_path, 2)


def test_version_2_without_the_controller_is_of_no_use(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("cpuset io\n")
    with pytest.raises(NoShares):
        find_hierarchy(f"{V2.format(tmp_path)}\n{OTHER}")


@pytest.mark.parametrize(
    ("version", "limits"),
    [
        (1, {"cpu.cfs_period_us": f"{PERIOD_US}", "cpu.cfs_quota_us": "1500"}),
        (2, {"cpu.max": f"1500 {PERIOD_US}"}),
    ],
)
def test_a_share_is_a_quota_of_a_short_period(version: int, limits: dict[str, str]) -> None:
    assert Hierarchy(Path("/cpu"), version).limits(0.15) == limits


def test_a_process_is_found_in_its_group_of_either_version() -> None:
    groups = "4:memory:/other\n1:cpu,cpuacct:/here\n0::/unified"
    assert Hierarchy(Path("/cpu"), 1).own(groups) == Path("/cpu/here")
    assert Hierarchy(Path("/all"), 2).own(groups) == Path("/all/unified")


def test_the_most_that_is_carried_is_found_from_below_in_ever_shorter_steps() -> None:
    tried: list[int] = []

    def carries(number: int) -> bool:
        tried.append(number)
        return number <= 93

    assert most(carries, 48, (16, 4)) == 92
    assert max(tried) == 96
    assert most(lambda _: False, 48, (16, 4)) == 0


def test_efficiency_is_of_the_rounds_that_are_compared() -> None:
    alone, together = [reading(100.0), reading(50.0), reading(80.0)], [reading(360.0), reading(200.0), reading(320.0)]
    assert efficiency(together, alone, 4) == 1.0
    assert efficiency(alone, alone, 1) == 1.0


def test_a_row_says_what_all_carry_and_what_each_does() -> None:
    line = row("agent", "set-ups/s", 4, [reading(360.0)], [reading(100.0)])
    assert line.split() == ["agent", "4", "360", "set-ups/s", "90", "0.900", "100%", "100%", "50%"]


def test_a_core_is_never_busier_than_it_is_there() -> None:
    busy, there = core_ticks(0)
    assert 0 < busy <= there
