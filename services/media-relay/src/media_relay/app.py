"""The relay's wiring: the data path, the bus, the operators' port, and the order in which they start and end."""

import asyncio
import os
import time
from collections.abc import Callable

import structlog
from prometheus_client import REGISTRY

from shared import health
from shared.bus import Bus
from shared.ids import new_id
from shared.messages import Event, Heartbeat
from shared.metrics import DRAINING, watch_loop_lag
from shared.presence import beat
from shared.subjects import agent_commands, heartbeat, relay_commands
from shared.tasks import Tasks

from .addresses import browser_addresses, sip_address, warn_of_overlap
from .commands import Commands, Place
from .datapath import DataPath, DataPathEvent
from .metrics import DataPathCollector
from .settings import RelaySettings

_log = structlog.get_logger(__name__)

_EXPIRY_PERIOD = 1.0
_CANCEL_PERIOD = 0.1


async def run(settings: RelaySettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; return with every session ended and every socket closed."""
    bus = await _connect(settings, stop)
    if bus is None:
        return
    try:
        if not stop.is_set():
            await _with_data_path(settings, bus, stop)
    finally:
        await bus.aclose()


async def _connect(settings: RelaySettings, stop: asyncio.Event) -> Bus | None:
    """Wait for NATS as long as it takes, but no longer than until `stop`."""
    connecting = asyncio.ensure_future(Bus.connect(settings))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return connecting.result()
    while not connecting.done():
        # Until Python 3.12 `wait_for`, which the client is in, loses a cancellation that comes with its result.
        connecting.cancel()
        await asyncio.wait((connecting,), timeout=_CANCEL_PERIOD)
    return None if connecting.cancelled() else connecting.result()


async def _with_data_path(settings: RelaySettings, bus: Bus, stop: asyncio.Event) -> None:
    events: list[Callable[[DataPathEvent], None]] = []

    def on_event(event: DataPathEvent) -> None:
        for listener in events:
            listener(event)

    warn_of_overlap(settings.rtp_min, settings.rtp_max)
    data_path = await DataPath.open(
        browser_host=settings.browser_host,
        browser_port=settings.browser_port,
        rtp_host=settings.rtp_host,
        port_range=(settings.rtp_min, settings.rtp_max),
        quarantine_seconds=settings.quarantine_seconds,
        on_event=on_event,
    )
    tasks = Tasks("relay")
    try:
        commands = _commands(settings, bus, data_path, tasks)
        events.append(commands.on_event)
        await _serve(settings, bus, commands, data_path, tasks, stop)
    finally:
        await tasks.aclose()
        await data_path.aclose()


def _commands(settings: RelaySettings, bus: Bus, data_path: DataPath, tasks: Tasks) -> Commands:
    def tell(agent: str, event: Event) -> None:
        tasks.spawn(bus.publish(agent_commands(agent), event), type(event).__name__)

    place = Place(
        relay=settings.pod,
        browser_addresses=browser_addresses(settings.addresses),
        sip_address=sip_address(settings.sip_address),
        capacity=settings.capacity,
        unclaimed_seconds=settings.unclaimed_seconds,
    )
    _log.info("addresses", browsers=place.browser_addresses, port=data_path.browser_port, sip=place.sip_address)
    return Commands(place, data_path, tell, time.monotonic, os.urandom)


async def _serve(
    settings: RelaySettings, bus: Bus, commands: Commands, data_path: DataPath, tasks: Tasks, stop: asyncio.Event
) -> None:
    incarnation = new_id("inc", os.urandom)

    def state() -> Heartbeat:
        return Heartbeat(
            kind="relay",
            pod=settings.pod,
            load=len(commands),
            capacity=settings.capacity,
            draining=commands.draining,
            incarnation=incarnation,
        )

    def not_ready() -> str:
        if commands.draining:
            return "draining\n"
        return "" if bus.connected else "no bus\n"

    async def expire() -> None:
        while True:
            await asyncio.sleep(_EXPIRY_PERIOD)
            commands.expire()

    collector = DataPathCollector(data_path.stats, commands.__len__, settings.capacity)
    REGISTRY.register(collector)
    try:
        async with health.serve(health.ops_config(settings.ops_host, settings.ops_port, not_ready), "ops"):
            await bus.serve(relay_commands(settings.pod), commands.handle)
            tasks.spawn(beat(bus, state), "heartbeat")
            tasks.spawn(expire(), "expiry")
            tasks.spawn(watch_loop_lag(), "loop lag")
            _log.info("ready", relay=settings.pod)
            await stop.wait()
            commands.draining = True
            DRAINING.set(1)
            await bus.publish(heartbeat("relay", settings.pod), state())
            commands.release_all()
    finally:
        REGISTRY.unregister(collector)
