"""`python -m media_relay`: run one relay until SIGTERM or SIGINT."""

import sys

from shared import process

from .app import running
from .settings import RelaySettings

if __name__ == "__main__":
    sys.exit(process.run("media-relay", "relay", RelaySettings, running))
