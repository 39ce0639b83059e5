"""`python -m media_relay`: run one relay until SIGTERM or SIGINT."""

import resource
import sys

from shared import process

from .app import running
from .settings import RelaySettings


def main() -> int:
    """Return the exit status."""
    _raise_file_limit()
    return process.run("media-relay", "relay", RelaySettings, running)


def _raise_file_limit() -> None:
    """A call needs two to four sockets; the soft limit is there for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
