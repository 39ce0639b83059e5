"""Which forwarder runs: the native one, or its Python twin where it could not be built."""

from importlib import import_module

import structlog

from shared.errors import LocalError

from ..settings import ForwarderChoice
from .forwarder import ForwarderFactory
from .python.forwarder import PythonForwarder

_log = structlog.get_logger(__name__)


def choose(choice: ForwarderChoice) -> ForwarderFactory:
    """Return the forwarder of that name; "auto" takes what there is; "native" not built is a `LocalError`."""
    if choice == "python":
        _log.info("forwarder", forwarder="python")
        return PythonForwarder
    try:
        native: ForwarderFactory = import_module("media_relay.forwarding.native").NativeForwarder
    except ImportError as error:
        if choice == "native":
            raise LocalError(f"the native forwarder was not built here: {error}") from error
        _log.warning("no native forwarder: Python carries some hundred calls, no more", error=str(error))
        _log.info("forwarder", forwarder="python")
        return PythonForwarder
    _log.info("forwarder", forwarder="native")
    return native


def is_native(factory: ForwarderFactory) -> bool:
    """Tell for the metrics."""
    return factory is not PythonForwarder
