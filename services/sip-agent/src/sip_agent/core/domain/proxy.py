"""One request that the built-in domain forwards: a response context (RFC 3261 §16.6 to §16.10).

All targets are tried at once. A Record-Route is added only by an agent that alone can reach the target: else phones and
agents reach each other directly, so requests in the dialog need not pass here, and the death of this pod costs no call
that is answered.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from sip_agent.core.auth.digest import parse_credentials
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.syntax.uri import SipUri

TIMER_C = 200.0  # §16.6 step 11: more than three minutes


@dataclass(frozen=True)
class Target:
    """Where one branch goes: the Request-URI, and the address to send to if it is not the URI's.

    `registered_from` is where the REGISTER came from, of a contact at that same host. `route` is a proxy on the way,
    which the request names already if it `is_routed`; `record_route` are our own addresses, the target's side first.
    """

    uri: str
    received: str = ""
    registered_from: str = ""
    route: str = ""
    is_routed: bool = False
    record_route: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forward:
    """Start a client transaction for a branch."""

    branch: int
    request: Request
    target: Target


@dataclass(frozen=True)
class CancelBranch:
    """Send CANCEL on a branch."""

    branch: int


@dataclass(frozen=True)
class RespondUpstream:
    """Answer the server transaction."""

    response: Response


ProxyOutput = Forward | CancelBranch | RespondUpstream


class BranchState(enum.Enum):
    """Where a branch stands; a cancelled one still waits for its final response."""

    TRYING = "trying"
    CANCELLED = "cancelled"
    DONE = "done"


class Forwarding:
    """Made from a request that passed the checks of §16.3; `start` sends it."""

    def __init__(self, request: Request, own_routes: Sequence[SipUri], realm: str) -> None:
        self._request = request
        self._realm = realm
        self._own_routes = own_routes
        self._branches: list[BranchState] = []
        self._timer_c: dict[int, float] = {}
        self._finals: list[Response] = []
        self._is_answered = False
        self._out: list[ProxyOutput] = []

    @property
    def is_over(self) -> bool:
        """Whether every branch has its final response."""
        return all(state is BranchState.DONE for state in self._branches)

    def take_output(self) -> list[ProxyOutput]:
        """Return what is to be done and forget it."""
        taken = self._out[:]
        self._out.clear()
        return taken

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return min(self._timer_c.values(), default=None)

    def start(self, targets: Sequence[Target], now: float) -> None:
        """Forward to every target."""
        for branch, target in enumerate(targets):
            self._branches.append(BranchState.TRYING)
            if self._request.method == "INVITE":
                self._timer_c[branch] = now + TIMER_C
            self._out.append(Forward(branch, self._copy(target), target))

    def _copy(self, target: Target) -> Request:
        made = self._request.copy()
        made.uri = target.uri
        forwards = self._request.max_forwards
        made.headers.set("Max-Forwards", str(70 if forwards is None else forwards - 1))
        # §16.4: a Route that names us has brought the request here and has done its work.
        while made.routes and any(made.routes[0].uri.matches(own) for own in self._own_routes):
            made.headers.remove_first("Route")
        if target.route and not target.is_routed:
            made.headers.prepend("Route", f"<{target.route}>")
        for own in reversed(target.record_route):
            made.headers.prepend("Record-Route", own)
        # §22.3: the credentials were for us; whoever else got them could use them again.
        made.headers.remove("Proxy-Authorization")
        made.headers.remove("Authorization")
        for value in self._request.headers.get_all("Authorization"):
            if not _is_for(value, self._realm):
                made.headers.add("Authorization", value)
        return made

    def receive_response(self, branch: int, response: Response, now: float) -> None:
        """Take a response of a branch (§16.7)."""
        if response.status == 100:
            return
        response = response.copy()
        response.headers.remove_first("Via")  # step 3: ours
        if response.status < 200:
            if branch in self._timer_c:
                self._timer_c[branch] = now + TIMER_C
            if not self._is_answered:
                self._pass(response)
            return
        self._done(branch)
        if response.status < 300:
            # Step 5: every 2xx to an INVITE goes back at once, of another request the first.
            if not self._is_answered or self._request.method == "INVITE":
                self._pass(response)
            self._is_answered = True
            self._cancel_others()
            return
        self._finals.append(response)
        if response.status >= 600:
            self._cancel_others()
        self._finish()

    def branch_failed(self, branch: int, status: int) -> None:
        """Take the word that a branch got no response: as if it had answered so (§16.8, §16.9)."""
        self._done(branch)
        self._finals.append(make_response(self._request, status, to_tag="proxy"))
        self._finish()

    def cancel(self) -> None:
        """The caller gives up (§16.10)."""
        self._cancel_others()

    def handle_timer(self, now: float) -> None:
        """Give up what has run for too long (§16.8)."""
        for branch in [branch for branch, at in self._timer_c.items() if at <= now]:
            del self._timer_c[branch]
            self._cancel(branch)

    def _done(self, branch: int) -> None:
        self._branches[branch] = BranchState.DONE
        self._timer_c.pop(branch, None)

    def _cancel_others(self) -> None:
        for branch, state in enumerate(self._branches):
            if state is BranchState.TRYING:
                self._cancel(branch)

    def _cancel(self, branch: int) -> None:
        if self._request.method == "INVITE" and self._branches[branch] is BranchState.TRYING:
            self._branches[branch] = BranchState.CANCELLED
            self._timer_c.pop(branch, None)
            self._out.append(CancelBranch(branch))

    def _pass(self, response: Response) -> None:
        self._out.append(RespondUpstream(response))

    def _finish(self) -> None:
        if self._is_answered or not self.is_over:
            return
        self._is_answered = True
        self._pass(self._with_all_challenges(_best(self._finals)))

    def _with_all_challenges(self, best: Response) -> Response:
        # Step 7: a caller that is to prove itself to one branch is shown the challenges of all.
        if best.status not in (401, 407):
            return best
        made = best.copy()
        for other in self._finals:
            if other is not best and other.status in (401, 407):
                for name in ("WWW-Authenticate", "Proxy-Authenticate"):
                    for value in other.headers.get_all(name):
                        made.headers.add(name, value)
        return made


def _is_for(authorization: str, realm: str) -> bool:
    try:
        return parse_credentials(authorization).get("realm") == realm
    except SipError:  # of another scheme, or of another's making: not ours to judge
        return False


_PREFERRED = (401, 407, 415, 420, 484)


def _best(finals: Sequence[Response]) -> Response:
    """Step 6: a 6xx, else the lowest class, and in it what the caller can act on."""

    def rank(response: Response) -> tuple[int, int]:
        status = response.status
        return (0 if status >= 600 else status // 100, 0 if status in _PREFERRED else 1)

    best = min(finals, key=rank)
    if best.status == 503:
        # A 503 would make the caller give up on this proxy, not on that phone.
        made = best.copy()
        made.status, made.reason = 500, best.reason
        return made
    return best
