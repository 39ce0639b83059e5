"""The JetStream streams that other services read (docs/events.md), made by whoever comes first.

Pods publish to `events` alone; the server itself copies the call detail records to `cdr`, which keeps them longer. So
a record costs one message, and a stream that is away for its readers is no matter to a call.
"""

from typing import Any

import structlog
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, StreamSource
from nats.js.errors import BadRequestError, NotFoundError

from .bus import Bus
from .messages import stream
from .settings import StreamSettings
from .subjects import told

_log = structlog.get_logger(__name__)

EVENTS, CDR = "events", "cdr"
CDR_KIND = str(stream.CallEnded.__struct_config__.tag)
DUPLICATES_SECONDS = 600.0  # longer than an agent takes to come after one that died between a record and its call's end
_HOUR, _MEBIBYTE = 3600.0, 1024 * 1024


async def open_streams(bus: Bus, settings: StreamSettings) -> None:
    """Make the streams that are not there yet; those that are stay as they are."""
    js = bus.jetstream()
    for config in (_events(settings), _cdr(settings)):
        try:
            await js.stream_info(str(config.name))
        except NotFoundError:
            try:
                await js.add_stream(config)
            except BadRequestError as error:  # another pod, with other settings, was first
                _log.info("stream is there", stream=config.name, error=str(error))


def _events(settings: StreamSettings) -> StreamConfig:
    return StreamConfig(
        name=EVENTS,
        subjects=[told(">")],
        max_age=settings.events_hours * _HOUR,
        max_bytes=settings.events_mebibytes * _MEBIBYTE,
        duplicate_window=min(DUPLICATES_SECONDS, settings.events_hours * _HOUR),
        **_common(settings),
    )


def _cdr(settings: StreamSettings) -> StreamConfig:
    return StreamConfig(
        name=CDR,
        sources=[StreamSource(name=EVENTS, filter_subject=told(CDR_KIND))],
        max_age=settings.cdr_days * 24 * _HOUR,
        max_bytes=settings.cdr_mebibytes * _MEBIBYTE,
        **_common(settings),
    )


def _common(settings: StreamSettings) -> dict[str, Any]:
    return {
        "storage": StorageType.FILE,
        "num_replicas": settings.kv_replicas,
        "retention": RetentionPolicy.LIMITS,
        "discard": DiscardPolicy.OLD,
    }
