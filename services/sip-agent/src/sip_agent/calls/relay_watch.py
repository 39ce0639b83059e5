"""Moves calls away from relays that are gone, or that drain (docs/bus.md)."""

import asyncio
import time

import structlog

from shared.bus import Bus
from shared.errors import NoOwner, RemoteError
from shared.messages import Done, Heartbeat, Probe
from shared.presence import GONE_AFTER, Presence
from shared.subjects import relay_commands
from sip_agent.calls.call_table import CallTable
from sip_agent.core.media.anchor import State
from sip_agent.ownership.hearing import UNHEARD_FOR, Hearing
from sip_agent.services import command_expiry, command_id

_log = structlog.get_logger(__name__)

SWEEP_EVERY = 0.1
AT_ONCE = 8  # calls of an agent that leave relays which drain
_PROBE_WITHIN = 0.5
_LEAVING = (State.PREPARING, State.PREPARED, State.MOVING)


class RelayWatch:
    """Looks at relays; at calls only where one of them is not as it should be.

    One that a call names and that was never heard has been gone for longer than this agent hears, unless it answers.
    """

    def __init__(self, bus: Bus, calls: CallTable, relays: Presence) -> None:
        self._bus = bus
        self._calls = calls
        self._relays = relays
        self._unreachable: dict[str, float] = {}  # nobody answers for them; and when they had been heard last

    async def run(self, hearing: Hearing) -> None:
        """Judge relays, for ever, while our own hearing is good."""
        is_judging = False
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            if is_judging != hearing.is_good(time.monotonic()):
                is_judging = not is_judging
                _log.info("relays are judged" if is_judging else "relays are not judged: nobody is heard")
                self._relays.miss_anew(time.monotonic())  # what was asked of them meanwhile has had no answer
            if is_judging:
                suspects = self.sweep(time.monotonic())
                if suspects:
                    await asyncio.gather(*(self._probe(relay, heard_at) for relay, heard_at in suspects.items()))
                    self.sweep(time.monotonic())

    async def _probe(self, relay: str, heard_at: float) -> None:
        """Find out whether there is anybody at the subject of a relay."""
        command = Probe(id=command_id(), expires_at=command_expiry())
        try:
            await self._bus.request(relay_commands(relay), command, Done, _PROBE_WITHIN)
        except NoOwner:
            self.unreachable(relay, heard_at)
            _log.warning("media relay has no responders", relay=relay)
        except RemoteError as error:
            _log.warning("media relay silent", relay=relay, error=str(error))
        else:
            self._relays.expect(relay, time.monotonic())  # one that was never heard has its time once more

    def unreachable(self, relay: str, heard_at: float) -> None:
        """Nobody answers for a relay; that stands until it is heard again."""
        self._unreachable[relay] = heard_at

    def sweep(self, now: float) -> dict[str, float]:
        """Tell the calls of relays that are gone or drain; return the relays to be probed, and when they were heard."""
        unusual: dict[str, tuple[Heartbeat | None, float]] = {
            beat.pod: (beat, at) for beat, at in self._relays.all() if self._is_unusual(beat, at, now)
        }
        unusual |= {relay: (None, at) for relay, at in self._relays.missed.items() if now - at >= GONE_AFTER}
        suspects: dict[str, float] = {}
        if not unusual:
            return suspects
        named: set[str] = set()
        leaving = sum(call.media_side.anchor.state in _LEAVING for call in self._calls)
        for call in list(self._calls):
            side = call.media_side
            for media in side.anchor.in_use if call.told_state != "ended" else ():
                named.add(media.relay)
                if media.relay not in unusual:
                    continue
                beat, at = unusual[media.relay]
                if self._is_restarted(side.incarnation_of(media), beat) or self._is_gone(media.relay, at, now):
                    side.gone(media)
                elif now - at >= GONE_AFTER:
                    suspects[media.relay] = at
                elif beat is not None and beat.draining and leaving < AT_ONCE and side.may_leave:
                    leaving += 1
                    side.drains()
        self._relays.miss_only(named)
        return suspects

    def _is_unusual(self, beat: Heartbeat, at: float, now: float) -> bool:
        return now - at >= GONE_AFTER or beat.draining or beat.pod in self._relays.restarted

    def _is_gone(self, relay: str, at: float, now: float) -> bool:
        return now - at >= UNHEARD_FOR or self._unreachable.get(relay) == at

    @staticmethod
    def _is_restarted(incarnation: str, beat: Heartbeat | None) -> bool:
        return beat is not None and incarnation not in ("", beat.incarnation)
