"""`python -m sip_agent`: run one agent until SIGTERM or SIGINT."""

import sys

from shared import process
from sip_agent.app import running
from sip_agent.settings import Settings

if __name__ == "__main__":
    sys.exit(process.run("sip-agent", "agent", Settings, running))
