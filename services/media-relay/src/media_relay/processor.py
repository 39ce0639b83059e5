"""What this process uses of the processor, and may use, as Linux says it."""

import os
from pathlib import Path

from .core.pressure import cores_of_quota

_TASKS = Path("/proc/self/task")
_CGROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
_TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def seconds_by_thread(tasks: Path = _TASKS) -> dict[int, float]:
    """Return how many seconds of CPU each thread has used; none where the system does not say."""
    used: dict[int, float] = {}
    for stat in tasks.glob("*/stat"):
        try:
            # The name, in brackets, may hold anything; utime and stime are fields 14 and 15 (proc(5)).
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        used[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) * _TICK
    return used


def cores(cgroups: Path = _CGROUPS, mount: Path = _MOUNT) -> float | None:
    """Return how many cores the process may use by its cgroup; None: all that there are."""
    try:
        lines = cgroups.read_text().splitlines()
    except OSError:
        return None
    limits = [cores_of_quota(text) for line in lines for text in _quotas(line, mount)]
    return min((limit for limit in limits if limit is not None), default=None)


def _quotas(line: str, mount: Path) -> list[str]:
    """Return what a line of /proc/self/cgroup leads to: `0::/path` of version 2, `1:cpu:/path` of version 1."""
    _, controllers, path = line.split(":", 2)
    if controllers == "":
        files = [mount / path.lstrip("/") / "cpu.max"]
    elif "cpu" in controllers.split(","):
        folder = mount / "cpu" / path.lstrip("/")
        files = [folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"]
    else:
        return []
    try:
        return [" ".join(file.read_text().strip() for file in files)]
    except OSError:
        return []
