"""One account's registration, kept alive (RFC 3261 §10.2).

    NONE ─open, adopt─▶ REGISTERING ─2xx─▶ REGISTERED ─refresh─▶ REGISTERING
                      │ else                                  │ else
                      ▼                                       ▼
                    FAILED ─retry, after a growing pause─▶ REGISTERING
    any ─close─▶ UNREGISTERING ─any end─▶ CLOSED
    REGISTERING ─close─▶ WITHDRAWING ─any end─▶ UNREGISTERING: §10.2 allows one REGISTER at a time, for two may overtake
                                                each other, and then the binding stays

A refresh that fails leaves the binding as it is until it expires, but the user is told at once: soon no call may come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.messages.account import RegistrationState
from sip_agent.core.auth.credentials import answer, with_credentials
from sip_agent.core.dialog.dialog import MAX_FORWARDS
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri, Uri
from sip_agent.core.table import Label, TableMachine

RETRY_FIRST = 10.0
RETRY_MOST = 300.0
RETRY_AFTER_MOST = 3600
MAX_RAISES = 4  # of the interval by 423, one after the other: each registrar of a fork may have its own
FLOW_LOST_WITHIN = 5.0
# A refresh comes at 50 to 80 % of what was granted: many agents must not come at once, and there is time to retry.
REFRESH_FROM, REFRESH_TO = 0.5, 0.8


class State(Label):
    """Where a registration stands."""

    NONE = "none"
    REGISTERING = "registering"
    REGISTERED = "registered"
    FAILED = "failed"
    WITHDRAWING = "withdrawing"
    UNREGISTERING = "unregistering"
    CLOSED = "closed"


class Input(Label):
    """What may happen to it."""

    OPEN = "open"
    ADOPT = "go on with what another agent registered"
    SUCCESS = "2xx"
    CHALLENGE = "401 or 407"
    TOO_BRIEF = "423"
    FAILURE = "any other final response, or none"
    DUE = "time to refresh or to try again"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class SendRegister:
    """Start a client transaction; its end is given back."""

    request: Request


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Tell the session."""

    state: RegistrationState
    status: int = 0
    reason: str = ""
    expires: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more will be sent."""


RegistrationOutput = SendRegister | StateChanged | Closed


class Registration:
    """`chance` returns a number from 0 to 1; `cseq` is where an earlier owner stopped."""

    __slots__ = (
        "_identity",
        "_call_id",
        "_from_tag",
        "_expires",
        "_chance",
        "cseq",
        "_machine",
        "_out",
        "_due_at",
        "_failures",
        "_sent",
        "_raises",
        "_is_bound",
        "_former",
        "told",
    )

    def __init__(
        self, identity: Identity, call_id: str, from_tag: str, expires: int, chance: Callable[[], float], cseq: int = 0
    ) -> None:
        self._identity = identity
        self._call_id = call_id
        self._from_tag = from_tag
        self._expires = expires
        self._chance = chance
        self.cseq = cseq
        self._machine = TableMachine(TABLE, State.NONE)
        self._out: list[RegistrationOutput] = []
        self._due_at: float | None = None
        self._failures = 0
        self._raises = 0
        self._sent: Request | None = None
        self._is_bound = False
        self._former = ""
        self.told = StateChanged("none")

    @property
    def state(self) -> State:
        """Where the registration stands."""
        return self._machine.state

    def take_output(self) -> list[RegistrationOutput]:
        """Return what is to be done and forget it."""
        taken = self._out[:]
        self._out.clear()
        return taken

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return self._due_at

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self._due_at is not None and self._due_at <= now:
            self._due_at = None
            self._step(Input.DUE, now)

    def _step(self, given: Input, *facts: Any) -> None:
        self._machine.step(self, given, *facts)

    def open(self, now: float) -> None:
        """Register, and keep it so."""
        self._step(Input.OPEN, now)

    def adopt(self, former: str, now: float) -> None:
        """Register where another agent has done so; the session is told when that fails, not that it is tried.

        `former` is a Contact that nobody is at any more, to be removed by the same REGISTER (§10.2.2).
        """
        self._former = "" if former == self._identity.contact else former
        self._step(Input.ADOPT, now)

    def close(self, now: float) -> None:
        """Remove the binding."""
        self._step(Input.CLOSE, now)

    def receive_response(self, response: Response, now: float) -> None:
        """Take the final response to the last REGISTER."""
        if response.status < 200:
            return
        if response.status < 300:
            self._step(Input.SUCCESS, response, now)
        elif response.status in (401, 407):
            self._step(Input.CHALLENGE, response, now)
        elif response.status == 423:
            self._step(Input.TOO_BRIEF, response, now)
        else:
            wait = min(response.retry_after, RETRY_AFTER_MOST)
            self._step(Input.FAILURE, response.status, response.reason, wait, now)

    def transaction_failed(self, status: int, reason: str, now: float) -> None:
        """Take the word that there was no response (§8.1.3.1)."""
        self._step(Input.FAILURE, status, reason, 0, now)

    def flow_lost(self, now: float) -> None:
        """The registrar has no way to us any more: register soon, though not all accounts of a server at once."""
        if self.state is State.REGISTERED and self._due_at is not None:
            self._due_at = min(self._due_at, now + FLOW_LOST_WITHIN * self._chance())

    # -- actions

    def _register(self, now: float) -> None:
        self._tell(StateChanged("registering"))
        self._send(self._expires)

    def _adopt(self, now: float) -> None:
        self.told = StateChanged("registered", 200, "OK")
        self._send(self._expires)

    def _refresh(self, now: float) -> None:
        self._send(self._expires)

    def _send(self, expires: int) -> None:
        self.cseq += 1
        address = str(self._identity.address)
        fields = [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{address};tag={self._from_tag}"),
            ("To", address),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self.cseq} REGISTER"),
            ("Contact", f"<{self._identity.contact}>"),
            ("Expires", str(expires)),
        ]
        if self._former:
            fields.append(("Contact", f"<{self._former}>;expires=0"))
        request = Request("REGISTER", str(SipUri("sip", None, self._identity.domain)), fields)
        self._sent = with_credentials(request, self._identity.digest.authorize(request))
        self._out.append(SendRegister(self._sent))

    def _send_again(self, challenge: Response) -> bool:
        again = None if self._sent is None else answer(self._identity.digest, self._sent, challenge)
        if again is None:
            return False
        self.cseq = again.cseq[0]
        self._sent = again
        self._out.append(SendRegister(again))
        return True

    def _authorize(self, response: Response, now: float) -> State | None:
        if self._send_again(response):
            return None
        return self._fail(response.status, response.reason, 0, now)

    def _authorize_removal(self, response: Response, now: float) -> State | None:
        return None if self._send_again(response) else self._close_now(response, now)

    def _ask_longer(self, response: Response, now: float) -> State | None:
        least = response.headers.get("Min-Expires") or ""
        if self._raises >= MAX_RAISES or not _is_number(least) or int(least) <= self._expires:
            return self._fail(response.status, response.reason, 0, now)
        self._raises += 1
        self._expires = int(least)
        self._send(self._expires)
        return None

    def _succeed(self, response: Response, now: float) -> State | None:
        granted = self._granted(response)
        if granted <= 0:
            return self._fail(500, "Binding Not Kept", 0, now)
        self._is_bound, self._former = True, ""
        self._failures = self._raises = 0
        self._sent = None
        share = REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * self._chance()
        self._due_at = now + granted * share
        self._tell(StateChanged("registered", response.status, response.reason, granted))
        return None

    def _granted(self, response: Response) -> int:
        # §10.2.4: the expires of our own Contact counts, then Expires, then what was asked.
        try:
            for contact in response.contacts:
                value = contact.param("expires")
                if value is not None and self._is_own(contact.uri) and _is_number(value):
                    return int(value)
            expires = response.expires
        except SipError:  # what cannot be read grants what was asked
            expires = None
        return self._expires if expires is None else expires

    def _is_own(self, uri: Uri) -> bool:
        own = self._identity.contact
        return str(uri) == own or uri.matches(SipUri.parse(own))

    def _fail(self, status: int, reason: str, retry_after: int, now: float) -> State:
        self._failures, self._raises = self._failures + 1, 0
        self._former = ""  # perhaps that was what it would not have
        pause = min(RETRY_FIRST * 2.0 ** (self._failures - 1), RETRY_MOST)
        # RFC 5626 §4.5: at random, for all accounts of a server fail in the same moment; never before Retry-After.
        self._due_at = now + retry_after + pause * (0.5 + 0.5 * self._chance())
        self._sent = None
        self._identity.digest.forget()
        self._tell(StateChanged("failed", status, reason))
        return State.FAILED

    def _unregister(self, now: float) -> State | None:
        self._due_at = None
        if not self._is_bound:
            return self._close_quietly(now)
        self._send(0)
        return None

    def _withdraw(self, now: float) -> None:
        self._due_at = None

    def _remove(self, *facts: object) -> None:
        self._send(0)

    def _remove_older(self, *facts: object) -> State | None:
        """No binding came of the last REGISTER; one before it may have made one."""
        if not self._is_bound:
            return self._close_now()
        self._send(0)
        return None

    def _close_now(self, *facts: object) -> State:
        self._tell(StateChanged("unregistered"))
        self._out.append(Closed())
        return State.CLOSED

    def _close_quietly(self, now: float) -> State:
        self._out.append(Closed())
        return State.CLOSED

    def _tell(self, change: StateChanged) -> None:
        if change != self.told:
            self.told = change
            self._out.append(change)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


TABLE: dict[tuple[State, Input], tuple[Callable[..., State | None], State]] = {
    (State.NONE, Input.OPEN): (Registration._register, State.REGISTERING),
    (State.NONE, Input.ADOPT): (Registration._adopt, State.REGISTERING),
    (State.NONE, Input.CLOSE): (Registration._close_quietly, State.CLOSED),
    (State.REGISTERING, Input.SUCCESS): (Registration._succeed, State.REGISTERED),
    (State.REGISTERING, Input.CHALLENGE): (Registration._authorize, State.REGISTERING),
    (State.REGISTERING, Input.TOO_BRIEF): (Registration._ask_longer, State.REGISTERING),
    (State.REGISTERING, Input.FAILURE): (Registration._fail, State.FAILED),
    (State.REGISTERING, Input.CLOSE): (Registration._withdraw, State.WITHDRAWING),
    (State.WITHDRAWING, Input.SUCCESS): (Registration._remove, State.UNREGISTERING),
    (State.WITHDRAWING, Input.CHALLENGE): (Registration._remove_older, State.UNREGISTERING),
    (State.WITHDRAWING, Input.TOO_BRIEF): (Registration._remove_older, State.UNREGISTERING),
    (State.WITHDRAWING, Input.FAILURE): (Registration._remove_older, State.UNREGISTERING),
    (State.REGISTERED, Input.DUE): (Registration._refresh, State.REGISTERING),
    (State.REGISTERED, Input.CLOSE): (Registration._unregister, State.UNREGISTERING),
    (State.FAILED, Input.DUE): (Registration._register, State.REGISTERING),
    (State.FAILED, Input.CLOSE): (Registration._unregister, State.UNREGISTERING),
    (State.UNREGISTERING, Input.SUCCESS): (Registration._close_now, State.CLOSED),
    (State.UNREGISTERING, Input.CHALLENGE): (Registration._authorize_removal, State.UNREGISTERING),
    (State.UNREGISTERING, Input.FAILURE): (Registration._close_now, State.CLOSED),
    (State.UNREGISTERING, Input.TOO_BRIEF): (Registration._close_now, State.CLOSED),
}
