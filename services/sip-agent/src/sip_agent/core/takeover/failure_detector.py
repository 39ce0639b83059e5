"""Which agents are dead, judged by one that hears them: `docs/bus.md` has the reasons.

    LIVE ⇄ SUSPECTED ⇄ UNREACHABLE        silent; and nobody answers on its subject
      └────────┴───────────┴─ DEAD        proof, or D of silence and a lease that has ended

It is an incarnation that dies, once. It takes heartbeats, the time, and the answers to what it asks.
"""

from collections import deque

import msgspec

from sip_agent.core.table import Label, Rows, TableMachine

SILENT_AFTER = 1.0  # four heartbeats; the longest gap measured while a NATS server was killed is 0.56 s
ASK_EVERY = 0.5
HOST_ASKED_AGAIN = 1.0  # and then after twice as long each time: a firewall may drop it for ever
HOST_ASKED_AT_LEAST = 64.0
REPLACED_KEPT = 100


class State(Label):
    """What is known of an incarnation."""

    LIVE = "heard"
    SUSPECTED = "not heard"
    UNREACHABLE = "not heard, and nobody serves its subject"
    DEAD = "dead: what it owned is free"


class Input(Label):
    """What may be learnt of it."""

    HEARD = "a heartbeat, or an answer"
    SILENT = "nothing for a second"
    NOBODY = "no responders on its subject"
    REFUSED = "its host refuses connections to its SIP port"
    ENDED = "silent for as long as a lease lasts, and its lease is gone"
    REPLACED = "its pod was heard with another incarnation"


class Incarnation(msgspec.Struct, frozen=True):
    """One life of an agent. `address`: SIP host:port."""

    agent: str
    id: str
    address: str = ""


class AskSubject(msgspec.Struct, frozen=True):
    """Ask whether anybody serves its subject: `answered` or `nobody`."""

    whom: Incarnation


class AskHost(msgspec.Struct, frozen=True):
    """Ask its host for a connection to its SIP port, and tell if that is `refused`."""

    whom: Incarnation


class AskLease(msgspec.Struct, frozen=True):
    """Look for its lease, and tell if it is `leaseless`."""

    whom: Incarnation


class Died(msgspec.Struct, frozen=True):
    """What it owned is free."""

    whom: Incarnation
    proof: Input


DetectorOutput = AskSubject | AskHost | AskLease | Died


class _Watched:
    """One incarnation. `is_askable`: its host has taken a connection, so that a refusal says something.

    The host is asked for that while the agent is heard, until it takes one: in a busy moment it may be too late.
    """

    def __init__(self, whom: Incarnation, now: float, out: list[DetectorOutput]) -> None:
        self.whom = whom
        self.heard_at = now
        self.asked_at = now
        self.is_askable = False
        self.machine = TableMachine(TABLE, State.LIVE)
        self._out = out
        self._ask_host_at = now
        self._host_pause = HOST_ASKED_AGAIN

    def heard(self, now: float) -> None:
        """Take a heartbeat."""
        self.heard_at = now
        self.step(Input.HEARD)
        if not self.is_askable and now >= self._ask_host_at:
            self._out.append(AskHost(self.whom))
            self._ask_host_at = now + self._host_pause
            self._host_pause = min(2 * self._host_pause, HOST_ASKED_AT_LEAST)

    def step(self, given: Input) -> None:
        """Take an input."""
        self.machine.step(self, given, given)

    def look(self, now: float, lease_ttl: float) -> None:
        """Ask what is to be asked by now."""
        silent_for = now - self.heard_at
        if silent_for >= SILENT_AFTER:
            self.step(Input.SILENT)
        if self.machine.state in (State.LIVE, State.DEAD) or now - self.asked_at < ASK_EVERY:
            return
        self.asked_at = now
        self._out.append(AskSubject(self.whom))
        if self.machine.state is State.UNREACHABLE and self.is_askable:
            self._out.append(AskHost(self.whom))
        if silent_for >= lease_ttl:
            self._out.append(AskLease(self.whom))

    def _suspect(self, given: Input) -> None:
        self.asked_at = float("-inf")

    def _look_further(self, given: Input) -> None:
        if self.is_askable:
            self._out.append(AskHost(self.whom))

    def _note(self, given: Input) -> None:
        """It lives."""

    def _bury(self, given: Input) -> None:
        self._out.append(Died(self.whom, given))


class FailureDetector:
    """Of all agents but the one that asks. Call `look` often; `lease_ttl` is D."""

    def __init__(self, lease_ttl: float) -> None:
        self._lease_ttl = lease_ttl
        self._watched: dict[str, _Watched] = {}
        self._replaced: deque[str] = deque(maxlen=REPLACED_KEPT)  # whose last words may come late
        self._out: list[DetectorOutput] = []

    def take_output(self) -> list[DetectorOutput]:
        """Return what is to be done and forget it."""
        taken = self._out[:]
        self._out.clear()
        return taken

    def state(self, agent: str, incarnation: str) -> State | None:
        """Return what is known of an incarnation, None if it was never heard of."""
        watched = self._watched.get(agent)
        if watched is None:
            return None
        return watched.machine.state if watched.whom.id == incarnation else State.DEAD

    def hear(self, whom: Incarnation, now: float) -> None:
        """Take a heartbeat."""
        if whom.id in self._replaced:
            return
        watched = self._watched.get(whom.agent)
        if watched is not None and watched.whom.id != whom.id:
            self._replaced.append(watched.whom.id)
            watched.step(Input.REPLACED)
        if watched is None or watched.whom.id != whom.id or watched.machine.state is State.DEAD:
            watched = self._watched[whom.agent] = _Watched(whom, now, self._out)
        watched.heard(now)

    def suspect(self, whom: Incarnation, now: float) -> None:
        """Take the word of a record that there was such an agent, which was never heard."""
        if whom.agent not in self._watched:
            watched = self._watched[whom.agent] = _Watched(whom, now, self._out)
            watched.step(Input.SILENT)

    def forget(self, whom: Incarnation) -> None:
        """Nothing is left of what a dead one owned."""
        watched = self._find(whom)
        if watched is not None and watched.machine.state is State.DEAD:
            del self._watched[whom.agent]

    def look(self, now: float) -> None:
        """Judge by the time; only while our own hearing is good."""
        for watched in self._watched.values():
            watched.look(now, self._lease_ttl)

    def deaf(self, now: float) -> None:
        """We heard nobody for a while: nobody's silence counts before now."""
        for watched in self._watched.values():
            if watched.machine.state is not State.DEAD:
                watched.heard_at = now
                watched.step(Input.HEARD)

    # -- what was asked

    def taken(self, whom: Incarnation) -> None:
        """Its host has taken a connection to its SIP port."""
        if (watched := self._find(whom)) is not None:
            watched.is_askable = True

    def answered(self, whom: Incarnation, now: float) -> None:
        """It has answered on its subject."""
        if (watched := self._find(whom)) is not None:
            watched.heard_at = now
            watched.step(Input.HEARD)

    def nobody(self, whom: Incarnation) -> None:
        """There are no responders on its subject."""
        self._step(whom, Input.NOBODY)

    def refused(self, whom: Incarnation) -> None:
        """Its host refuses the connection."""
        self._step(whom, Input.REFUSED)

    def leaseless(self, whom: Incarnation, now: float) -> None:
        """Its lease is not there."""
        watched = self._find(whom)
        if watched is not None and now - watched.heard_at >= self._lease_ttl:
            watched.step(Input.ENDED)

    def _step(self, whom: Incarnation, given: Input) -> None:
        if (watched := self._find(whom)) is not None:
            watched.step(given)

    def _find(self, whom: Incarnation) -> _Watched | None:
        watched = self._watched.get(whom.agent)
        return watched if watched is not None and watched.whom.id == whom.id else None


TABLE: Rows[State, Input] = {
    (State.LIVE, Input.SILENT): (_Watched._suspect, State.SUSPECTED),
    (State.LIVE, Input.REPLACED): (_Watched._bury, State.DEAD),
    (State.SUSPECTED, Input.HEARD): (_Watched._note, State.LIVE),
    (State.SUSPECTED, Input.NOBODY): (_Watched._look_further, State.UNREACHABLE),
    (State.SUSPECTED, Input.ENDED): (_Watched._bury, State.DEAD),
    (State.SUSPECTED, Input.REPLACED): (_Watched._bury, State.DEAD),
    (State.UNREACHABLE, Input.HEARD): (_Watched._note, State.LIVE),
    (State.UNREACHABLE, Input.REFUSED): (_Watched._bury, State.DEAD),
    (State.UNREACHABLE, Input.ENDED): (_Watched._bury, State.DEAD),
    (State.UNREACHABLE, Input.REPLACED): (_Watched._bury, State.DEAD),
}
