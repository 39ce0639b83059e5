"""What a process holds, as the kernel counts it."""

from pathlib import Path


def resident_kib(process: int | str = "self") -> int:
    """Return the resident memory of a process id, or of this process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
