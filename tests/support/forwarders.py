"""Both forwarders, for tests that hold for each: the native one must be there where tests run."""

import pytest

from media_relay.forwarding.forwarder import ForwarderFactory
from media_relay.forwarding.native import NativeForwarder
from media_relay.forwarding.python.forwarder import PythonForwarder

FORWARDERS: dict[str, ForwarderFactory] = {"python": PythonForwarder, "native": NativeForwarder}


@pytest.fixture(params=list(FORWARDERS))
def forwarder(request: pytest.FixtureRequest) -> ForwarderFactory:
    """Each in turn."""
    return FORWARDERS[request.param]
