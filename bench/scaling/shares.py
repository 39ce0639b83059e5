"""A fixed share of a core for a process, by the CPU controller of cgroups, version 1 or 2.

The quota is given in periods of 10 ms. In those of 100 ms, which are usual, a pod that has used its share stands
still for most of a tenth of a second, which no call and no packet would bear; a quota of less than 1 ms is not allowed.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PERIOD_US = 10_000
_PREFIX = "cordboard-bench"


class NoShares(Exception):
    """Without CPU quotas there is nothing to show on one machine."""


@dataclass(frozen=True)
class Hierarchy:
    """Where the CPU controller is mounted."""

    folder: Path
    version: int

    def preferred(self) -> dict[str, str]:
        """Return what to write to which file, so that what else runs on the machine waits."""
        return {"cpu.weight": "10000"} if self.version == 2 else {"cpu.shares": "262144"}

    def limits(self, share: float) -> dict[str, str]:
        """Return what to write to which file, in this order, for a share of a core."""
        quota = round(share * PERIOD_US)
        if self.version == 2:
            return {"cpu.max": f"{quota} {PERIOD_US}"}
        return {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota)}

    def own(self, groups: str) -> Path:
        """Return the folder that a process is in by `groups`, the text of its /proc/PID/cgroup (cgroups(7))."""
        for line in groups.splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" if self.version == 2 else "cpu" in controllers.split(","):
                return self.folder / path.lstrip("/")
        raise NoShares(f"this process is in no group of {self.folder}")


def find_hierarchy(mounts: str) -> Hierarchy:
    """Return the first one that `mounts`, the text of /proc/self/mountinfo (proc(5)), has; else raise `NoShares`."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        folder = Path(before.split()[4])
        if kind == "cgroup" and "cpu" in options.split()[-1].split(","):
            return Hierarchy(folder, 1)
        if kind == "cgroup2" and _has_cpu(folder):
            return Hierarchy(folder, 2)
    raise NoShares(
        "no cgroup hierarchy with the CPU controller is mounted: a container may have to be told to mount one"
    )


def _has_cpu(folder: Path) -> bool:
    """Whether groups below this one may have a quota: a controller of version 1 is not there at all."""
    enabled = folder / "cgroup.subtree_control"
    return enabled.exists() and "cpu" in enabled.read_text().split()


class Group:
    """Processes that share a quota."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, pid: int) -> None:
        """Hold a process to the share, with all its threads and what it starts."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def periods(self) -> tuple[int, int]:
        """Return in how many periods it wanted to run, and in how many of them it wanted more than its share."""
        counts = dict(line.split() for line in (self._folder / "cpu.stat").read_text().splitlines())
        return int(counts["nr_periods"]), int(counts["nr_throttled"])


def _here() -> Hierarchy:
    return find_hierarchy(Path("/proc/self/mountinfo").read_text())


@contextlib.contextmanager
def group(name: str, share: float | None) -> Iterator[Group]:
    """Make a group with a share of a core, or without a quota; its processes must have left it when the block ends."""
    hierarchy = _here()
    folder = hierarchy.folder / f"{_PREFIX}-{os.getpid()}-{name}"
    try:
        folder.mkdir()
    except OSError as error:
        raise NoShares(f"no group can be made in {hierarchy.folder}, for which it takes root: {error}") from error
    try:
        for file, limit in {**hierarchy.preferred(), **(hierarchy.limits(share) if share else {})}.items():
            (folder / file).write_text(limit)
        yield Group(folder)
    finally:
        folder.rmdir()


@contextlib.contextmanager
def preferred() -> Iterator[None]:
    """Let this process, and what it starts, come before what else runs on the machine, while the block runs."""
    own = Group(_here().own(Path("/proc/self/cgroup").read_text()))
    with group("load", None) as load:
        load.hold(os.getpid())
        try:
            yield
        finally:
            own.hold(os.getpid())
