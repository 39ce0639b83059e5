"""An ICE-lite agent with one host candidate (RFC 8445 §2.5): it answers checks and learns the browser's addresses.

The peer is a full agent, so it controls. Its candidates are not needed: every address that a valid check comes
from is a peer-reflexive one. We send to the first of them at once, and from then on to the nominated one
(USE-CANDIDATE); the last nomination wins, because browsers nominate again when a better pair comes up. But Firefox
nominates a pair once only, and behind a NAT that has forgotten it the same pair comes from another address: so an
address that is checked on and on while the selected one is not takes its place. Consent (RFC 7675): an address that no
valid check has come from for 30 s is not sent to any more.

    NEW ──remote──▶ CHECKING ──timeout──▶ FAILED (ice)
     └───check───▶ CONNECTED ◀──check──┘
                       └──timeout──▶ FAILED (consent)
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from .packet.stun import BindingRequest, role_conflict_response, success_response
from .plan import BrowserPath, IceCredentials

CHECKS_TIMEOUT = 30.0
CONSENT_TIMEOUT = 30.0
MAX_ADDRESSES = 8
BURST_SECONDS = 1.0  # checks that follow each other faster may be repeats; those that keep consent are seconds apart


class IceState(Enum):
    """See the diagram."""

    NEW = auto()
    CHECKING = auto()
    CONNECTED = auto()
    FAILED = auto()


class _Input(Enum):
    REMOTE = auto()
    CHECK = auto()
    TIMEOUT = auto()


@dataclass(frozen=True)
class SendStun:
    """Send this datagram."""

    datagram: bytes
    destination: BrowserPath


@dataclass(frozen=True)
class AddressValidated:
    """Datagrams from here are the peer's."""

    address: BrowserPath


@dataclass(frozen=True)
class AddressExpired:
    """Datagrams from here are nobody's any more."""

    address: BrowserPath


@dataclass(frozen=True)
class AddressSelected:
    """Send media and DTLS here."""

    address: BrowserPath


@dataclass(frozen=True)
class IceFailed:
    """No check ever came, or they have stopped. All addresses have expired."""

    reason: Literal["ice", "consent"]


IceOutput = SendStun | AddressValidated | AddressExpired | AddressSelected | IceFailed


class IceLite:
    """The agent of one session."""

    def __init__(self, local: IceCredentials) -> None:
        self.local = local
        self.state = IceState.NEW
        self.selected: BrowserPath | None = None
        self._last_check: dict[BrowserPath, float] = {}
        self._checks_deadline: float | None = None
        self._output: list[IceOutput] = []

    def last_check(self, address: BrowserPath) -> float | None:
        """Return when the last valid check came from this address."""
        return self._last_check.get(address)

    def expect_checks(self, now: float) -> None:
        """The peer has our description, or is about to get it."""
        self._step(_Input.REMOTE, now)

    def receive(self, request: BindingRequest, source: BrowserPath, now: float) -> bool:
        """Answer a check; False if it is not authentic, and then nothing is sent (no reflection)."""
        if not request.is_authentic(self.local):
            return False
        if request.from_controlled:
            self._output.append(SendStun(role_conflict_response(request, self.local), source))
            return True
        self._step(_Input.CHECK, now)
        if self.state is IceState.CONNECTED:
            self._validate(source, request.use_candidate, now)
            self._output.append(SendStun(success_response(request, source, self.local), source))
        return True

    def handle_timer(self, now: float) -> None:
        """Let addresses expire; fail if it is time."""
        for address, checked_at in list(self._last_check.items()):
            if checked_at + CONSENT_TIMEOUT <= now:
                self._expire(address)
        if self._is_timed_out(now):
            self._step(_Input.TIMEOUT, now)
        elif self.selected is not None and self.selected not in self._last_check:
            self._select(max(self._last_check, key=self._last_check.__getitem__))

    def next_timer(self) -> float | None:
        """Return when `handle_timer` is to be called."""
        if self.state is IceState.CHECKING:
            return self._checks_deadline
        if self.state is IceState.CONNECTED:
            return min(self._last_check.values()) + CONSENT_TIMEOUT
        return None

    def close(self) -> None:
        """Forget all addresses; nothing is answered any more."""
        for address in list(self._last_check):
            self._expire(address)
        self.selected = None
        self.state = IceState.FAILED

    def take_output(self) -> list[IceOutput]:
        """Return what is to be done, once."""
        output, self._output = self._output, []
        return output

    def _is_timed_out(self, now: float) -> bool:
        if self.state is IceState.CHECKING:
            return self._checks_deadline is not None and self._checks_deadline <= now
        return not self._last_check

    def _step(self, event: _Input, now: float) -> None:
        action, self.state = _TABLE[self.state, event]
        if action is not None:
            action(self, now)

    def _start_waiting(self, now: float) -> None:
        self._checks_deadline = now + CHECKS_TIMEOUT

    def _fail_ice(self, _: float) -> None:
        self._output.append(IceFailed("ice"))

    def _fail_consent(self, _: float) -> None:
        self.selected = None
        self._output.append(IceFailed("consent"))

    def _validate(self, source: BrowserPath, is_nominated: bool, now: float) -> None:
        before = self._last_check.pop(source, None)
        is_new = before is None
        if is_new and len(self._last_check) >= MAX_ADDRESSES:
            self._expire(next(address for address in self._last_check if address != self.selected))
        self._last_check[source] = now  # at the end: the dictionary stays in order of the last check
        if is_new:
            self._output.append(AddressValidated(source))
        if self.selected is None or (
            source != self.selected and (is_nominated or self._has_moved_from(self.selected, before, now))
        ):
            self._select(source)

    def _has_moved_from(self, selected: BrowserPath, before: float | None, now: float) -> bool:
        """Tell whether nothing came from the selected address since the check before this one, some time ago."""
        return before is not None and self._last_check[selected] < before and now - before >= BURST_SECONDS

    def _select(self, address: BrowserPath) -> None:
        self.selected = address
        self._output.append(AddressSelected(address))

    def _expire(self, address: BrowserPath) -> None:
        del self._last_check[address]
        self._output.append(AddressExpired(address))


_Action = Callable[[IceLite, float], None] | None

_TABLE: dict[tuple[IceState, _Input], tuple[_Action, IceState]] = {
    (IceState.NEW, _Input.REMOTE): (IceLite._start_waiting, IceState.CHECKING),
    (IceState.NEW, _Input.CHECK): (None, IceState.CONNECTED),
    (IceState.NEW, _Input.TIMEOUT): (None, IceState.NEW),
    (IceState.CHECKING, _Input.REMOTE): (None, IceState.CHECKING),
    (IceState.CHECKING, _Input.CHECK): (None, IceState.CONNECTED),
    (IceState.CHECKING, _Input.TIMEOUT): (IceLite._fail_ice, IceState.FAILED),
    (IceState.CONNECTED, _Input.REMOTE): (None, IceState.CONNECTED),
    (IceState.CONNECTED, _Input.CHECK): (None, IceState.CONNECTED),
    (IceState.CONNECTED, _Input.TIMEOUT): (IceLite._fail_consent, IceState.FAILED),
    (IceState.FAILED, _Input.REMOTE): (None, IceState.FAILED),
    (IceState.FAILED, _Input.CHECK): (None, IceState.FAILED),
    (IceState.FAILED, _Input.TIMEOUT): (None, IceState.FAILED),
}
