"""Structured logs: one JSON object a line, with the ids of the call and session at hand, secrets masked.

`with bound(call=..., session=...)` adds ids to every line that is logged below it, in this task.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from .masking import mask_value
from .settings import CommonSettings


def mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Star what is secret in a line."""
    for name, value in event.items():
        event[name] = mask_value(name, value)
    return event


def set_up(service: str, settings: CommonSettings) -> None:
    """Configure logging for the process; library logs join ours."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    if settings.log_format == "json":
        ids = {"service": service, "pod": settings.pod}
        # Without the values of local variables: passwords and tokens are among them.
        tracebacks = structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        )
        render: list[Any] = [tracebacks, structlog.processors.JSONRenderer()]
    else:
        ids = {}
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=plain)]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *render,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its start and stop are told by `shared.health`
    logging.getLogger("httpx").setLevel(logging.WARNING)  # each request at INFO: metrics count them
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**ids)


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Add ids to every line logged inside."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield
