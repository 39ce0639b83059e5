"""In how many places NATS keeps what it stores for us, and in how many the settings want it.

A stream keeps the number that it was made with, whatever pods want later, and they may not change it
(deploy/nats/users.conf): they tell somebody who may.
"""

import asyncio
from collections.abc import Sequence

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext

from . import metrics

_log = structlog.get_logger(__name__)

LOOK_EVERY = 60.0


class Replicas:
    """Of these streams; a bucket `b` is the stream `KV_b`."""

    def __init__(self, js: JetStreamContext, wanted: int, streams: Sequence[str]) -> None:
        self._js = js
        self._wanted = wanted
        self._streams = streams
        self._told: dict[str, int] = {}

    async def watch(self) -> None:
        """Look, and look again for as long as something is kept in too few places: somebody may see to that."""
        while not await self._has_enough():  # noqa: ASYNC110 - NATS tells nobody
            await asyncio.sleep(LOOK_EVERY)

    async def _has_enough(self) -> bool:
        try:
            found = {name: (await self._js.stream_info(name)).config.num_replicas or 1 for name in self._streams}
        except (nats.errors.Error, nats.js.errors.Error) as error:
            _log.info("replicas not known", error=str(error))
            return False
        others = {name: number for name, number in found.items() if number != self._wanted}
        if others and others != self._told:
            mend = f"nats stream edit <stream> --replicas {self._wanted}"
            _log.warning("streams have other replicas than CORDBOARD_KV_REPLICAS", streams=others, mend=mend)
        self._told = others
        missing = self._wanted - min(found.values())
        metrics.KV_REPLICAS_MISSING.set(max(0, missing))
        return missing <= 0
