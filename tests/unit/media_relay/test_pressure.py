"""When a relay says that it is full, and what it reads for that."""

from pathlib import Path

import pytest

from media_relay import processor
from media_relay.core.pressure import PORTS_RETRY, Pressure, cores_of_quota


def busy(pressure: Pressure, share: float, seconds: int, start: float = 0.0) -> float:
    """Let one of two threads use a share of a core, second by second; return the time."""
    used = {1: 100.0, 2: 50.0}
    for second in range(seconds + 1):
        pressure.look(used, start + second)
        used = {1: used[1] + share, 2: used[2] + 0.1}
    return start + seconds


def test_a_relay_is_full_when_one_thread_has_no_time_left_for_long() -> None:
    pressure = Pressure(0.85)
    now = busy(pressure, 1.0, 2)
    assert not pressure.is_full(now)
    now = busy(pressure, 1.0, 8, now)
    assert pressure.is_full(now)
    assert pressure.busiest == pytest.approx(1.0, abs=0.1)


def test_it_takes_more_again_only_well_below_the_bar() -> None:
    pressure = Pressure(0.8)
    now = busy(pressure, 1.0, 20)
    now = busy(pressure, 0.78, 30, now)
    assert pressure.is_full(now)
    now = busy(pressure, 0.6, 30, now)
    assert not pressure.is_full(now)


def test_a_relay_without_ports_is_full_for_a_moment() -> None:
    pressure = Pressure(0.85)
    pressure.ran_out_of_ports(10.0)
    assert pressure.is_full(10.0 + PORTS_RETRY - 0.1)
    assert not pressure.is_full(10.0 + PORTS_RETRY)


@pytest.mark.parametrize(
    ("text", "cores"), [("50000 100000", 0.5), ("max 100000", None), ("-1 100000", None), ("", None)]
)
def test_a_quota_is_so_many_cores(text: str, cores: float | None) -> None:
    assert cores_of_quota(text) == cores


def test_the_quota_of_either_version_of_cgroups_is_found(tmp_path: Path) -> None:
    cgroups, mount = tmp_path / "cgroup", tmp_path / "mount"
    assert processor.cores(cgroups, mount) is None
    new, old = mount / "pod", mount / "cpu" / "pod"
    for folder in (new, old):
        folder.mkdir(parents=True)
    (new / "cpu.max").write_text("150000 100000\n")
    cgroups.write_text("0::/pod\n")
    assert processor.cores(cgroups, mount) == 1.5
    (old / "cpu.cfs_quota_us").write_text("25000\n")
    (old / "cpu.cfs_period_us").write_text("100000\n")
    cgroups.write_text("9:memory:/pod\n1:cpu,cpuacct:/pod\n0::/other\n")
    assert processor.cores(cgroups, mount) == 0.25


def test_the_seconds_of_a_thread_are_read_whatever_its_name_is(tmp_path: Path) -> None:
    thread = tmp_path / "17"
    thread.mkdir()
    (thread / "stat").write_text("17 (a) b) (c) S " + " ".join(["0"] * 10) + " 200 100 " + " ".join(["0"] * 30))
    assert processor.seconds_by_thread(tmp_path) == {17: pytest.approx(3.0)}
    assert processor.seconds_by_thread()  # of this very process
