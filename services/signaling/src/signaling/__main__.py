"""`python -m signaling`: run one pod until SIGTERM or SIGINT."""

import sys

from shared import process

from .app import running
from .settings import Settings

if __name__ == "__main__":
    sys.exit(process.run("signaling", "signaling", Settings, running))
