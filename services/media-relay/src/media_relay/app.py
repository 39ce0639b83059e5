"""The relay's wiring: the data path, the bus, the operators' port, and the order in which they start and end."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import REGISTRY

from shared.bus import Bus
from shared.drain import Drain
from shared.ids import new_id
from shared.messages import Event, Heartbeat
from shared.metrics import DRAINING, watch_loop_lag
from shared.presence import beat
from shared.start import Start, starting
from shared.subjects import agent_events, heartbeat, relay_commands
from shared.tasks import Tasks

from . import departure, processor
from .addresses import browser_addresses, sip_address, warn_of_overlap
from .commands import Commands
from .core.bit_rate import BitRateBounds
from .core.pressure import Pressure
from .datapath import DataPath
from .events import DataPathEvent
from .forwarding import choice
from .metrics import BUSIEST_THREAD, NATIVE, DataPathCollector
from .place import Place
from .settings import RelaySettings
from .sounds.library import SoundLibrary
from .watches.bit_rate import BitRateWatch
from .watches.quality import QualityWatch

_log = structlog.get_logger(__name__)

_EXPIRY_PERIOD = 1.0


@asynccontextmanager
async def running(settings: RelaySettings) -> AsyncIterator[None]:
    """Serve while the block runs; then end every session and close every socket."""
    async with starting(settings) as start, _forwarding(settings, start):
        yield


@asynccontextmanager
async def _forwarding(settings: RelaySettings, start: Start) -> AsyncIterator[None]:
    tasks = Tasks("relay")
    events: list[Callable[[DataPathEvent], None]] = []

    def on_event(event: DataPathEvent) -> None:
        for listener in events:
            listener(event)

    warn_of_overlap(settings.rtp_min, settings.rtp_max)
    forwarder = choice.choose(settings.forwarder)
    NATIVE.set(choice.is_native(forwarder))
    data_path = await DataPath.open(
        browser_hosts=settings.browser_host,
        browser_port=settings.browser_port,
        browser_tcp_port=settings.browser_tcp_port,
        rtp_host=settings.rtp_host,
        port_range=(settings.rtp_min, settings.rtp_max),
        quarantine_seconds=settings.quarantine_seconds,
        on_event=on_event,
        forwarder=forwarder,
        sip_address=sip_address(settings.sip_address),
    )
    sounds = SoundLibrary(settings.sounds_dir, settings.sound_seconds)
    try:
        pressure = Pressure(settings.max_cpu * min(1.0, processor.cores() or 1.0))
        commands, quality = _commands(settings, start.bus, data_path, tasks, sounds, pressure)
        events.append(commands.on_event)
        tasks.spawn(quality.run(), "quality")
        tasks.spawn(_bit_rates(settings, data_path, commands).run(), "bit rates")
        async with _serving(settings, start, commands, data_path, tasks, pressure):
            yield
    finally:
        sounds.close()
        await tasks.aclose()
        await data_path.aclose()


def _commands(
    settings: RelaySettings, bus: Bus, data_path: DataPath, tasks: Tasks, sounds: SoundLibrary, pressure: Pressure
) -> tuple[Commands, QualityWatch]:
    def tell(agent: str, event: Event) -> None:
        tasks.spawn(bus.publish(agent_events(agent), event), type(event).__name__)

    place = Place(
        relay=settings.pod,
        browser_addresses=browser_addresses(settings.addresses, settings.browser_host),
        sip_address=sip_address(settings.sip_address),
        capacity=settings.capacity,
        unclaimed_seconds=settings.unclaimed_seconds,
        sip_srtp=settings.sip_srtp,
    )
    _log.info("addresses", browsers=place.browser_addresses, port=data_path.browser_port, sip=place.sip_address)
    quality = QualityWatch(data_path, tell, time.monotonic, time.time, os.urandom, settings.quality_seconds)
    return Commands(place, data_path, tell, time.monotonic, os.urandom, quality, sounds, pressure), quality


def _bit_rates(settings: RelaySettings, data_path: DataPath, commands: Commands) -> BitRateWatch:
    bounds = BitRateBounds(settings.video_min_bit_rate, settings.video_max_bit_rate)
    return BitRateWatch(data_path, commands.streams, time.monotonic, bounds)


@asynccontextmanager
async def _serving(
    settings: RelaySettings, start: Start, commands: Commands, data_path: DataPath, tasks: Tasks, pressure: Pressure
) -> AsyncIterator[None]:
    bus, incarnation = start.bus, new_id("inc", os.urandom)

    def state() -> Heartbeat:
        return Heartbeat(
            kind="relay",
            pod=settings.pod,
            load=len(commands),
            capacity=settings.capacity,
            draining=commands.draining,
            incarnation=incarnation,
            full=pressure.is_full(time.monotonic()),
        )

    def not_ready() -> str:
        return "draining" if commands.draining else bus.not_ready()

    async def leave() -> None:
        commands.draining = True
        DRAINING.set(1)
        if bus.connected:
            await bus.publish(heartbeat("relay", settings.pod), state())
        await departure.leave(commands, settings.drain_seconds)

    async def look_after() -> None:
        while True:
            await asyncio.sleep(_EXPIRY_PERIOD)
            commands.expire()
            pressure.look(processor.seconds_by_thread(), time.monotonic())
            BUSIEST_THREAD.set(pressure.busiest)

    collector = DataPathCollector(data_path.stats, commands.__len__, settings.capacity)
    REGISTRY.register(collector)
    drain = Drain(tasks, leave)
    try:
        await bus.serve(relay_commands(settings.pod), commands.handle)
        # Who is told that we are ready, or hears our heartbeat, is heard.
        await start.insist("bus", bus.settle)
        start.ready(not_ready, drain)
        tasks.spawn(beat(bus, state), "heartbeat")
        tasks.spawn(look_after(), "expiry and pressure")
        tasks.spawn(watch_loop_lag(), "loop lag")
        _log.info("ready", relay=settings.pod)
        yield
        await drain.finish()
        commands.release_all()
    finally:
        REGISTRY.unregister(collector)
