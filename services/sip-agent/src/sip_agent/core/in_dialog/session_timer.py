"""The session timer (RFC 4028): both sides see by refreshes that the call is still there, and end one that is not.

The interval and who refreshes are agreed anew by every 2xx to an INVITE or UPDATE, whichever side sent it. The
refresher acts at half the interval; near its end either side sends BYE. A far side that knows nothing of this is
refreshed by us alone (§7.2, §9).
"""

import msgspec

from sip_agent.core.call.rules import CallRules
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import find_param, parse_params
from sip_agent.core.syntax.message import Message, Request, Response, make_response
from sip_agent.core.table import Label, Rows, TableMachine

OPTION = "timer"  # §3: the option tag
MAX_RAISES = 4  # of our interval, by 422: each proxy on the way may ask for one
_SECONDS_LIMIT = 2**31


class State(Label):
    """Who is to refresh."""

    OFF = "nobody"
    OURS = "we, when it is time"
    REFRESHING = "we, just now"
    THEIRS = "the far side"


class Input(Label):
    """What may happen to the interval."""

    AGREED_OURS = "a 2xx: we refresh"
    AGREED_THEIRS = "a 2xx: they refresh"
    HALF = "half of it is over"
    FAILED = "our refresh has failed"
    EXPIRED = "it ends too soon to wait longer"
    STOP = "the dialog is over"


class SessionInterval(msgspec.Struct, frozen=True, kw_only=True):
    """What a record holds of it. `left`: seconds until it expires, at the time of the writing."""

    interval: int
    is_ours: bool
    left: float
    minimum: int


class Expiry(msgspec.Struct, frozen=True):
    """A Session-Expires field: seconds, and who is to refresh, if it says so."""

    seconds: int
    refresher: str | None

    @classmethod
    def of(cls, message: Message) -> "Expiry | None":
        """Read a message's; 400 where it is malformed."""
        text = message.headers.get("Session-Expires")
        if text is None:
            return None
        seconds, _, rest = text.partition(";")
        params = parse_params(f";{rest}", "Session-Expires") if rest else ()
        refresher = (find_param(params, "refresher") or "").lower()
        return cls(_delta_seconds(seconds, "Session-Expires"), refresher if refresher in ("uac", "uas") else None)


def _delta_seconds(text: str, name: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < _SECONDS_LIMIT):
        raise SipError(400, f"Bad {name}")
    return int(text)


def _minimum_of(message: Message) -> int:
    text = message.headers.get("Min-SE")
    return 0 if text is None else _delta_seconds(text.partition(";")[0], "Min-SE")


def too_small(request: Request, rules: CallRules, to_tag: str | None = None) -> Response | None:
    """Return the 422 to a request whose interval is too small for us; only who knows timers can be told (§9).

    400 where one of the fields is malformed: now, for `answered` would find that when it is too late to refuse.
    """
    expiry, _ = Expiry.of(request), _minimum_of(request)
    if expiry is None or expiry.seconds >= rules.min_session_expires or not request.has_option("Supported", OPTION):
        return None
    return make_response(request, 422, None, to_tag, [("Min-SE", str(rules.min_session_expires))])


class SessionTimer:
    """`interval` is 0 while nothing is agreed. The owner asks `is_refresh_due` and `is_expired` at `next_timer`."""

    def __init__(self, rules: CallRules) -> None:
        self.interval = 0
        self._rules = rules
        self._minimum = rules.min_session_expires
        self._raises = 0
        self._machine = TableMachine(TABLE, State.OFF)
        self._refresh_at: float | None = None
        self._expires_at = 0.0
        self._ends_at: float | None = None

    @property
    def state(self) -> State:
        """Who is to refresh."""
        return self._machine.state

    @property
    def is_refreshing(self) -> bool:
        """Whether a refresh of ours is due and none has succeeded yet."""
        return self.state is State.REFRESHING

    def for_record(self, now: float) -> SessionInterval | None:
        """What another agent needs to go on with it."""
        if self.state is State.OFF:
            return None
        is_ours = self.state is not State.THEIRS
        return SessionInterval(
            interval=self.interval, is_ours=is_ours, left=self._expires_at - now, minimum=self._minimum
        )

    def restore(self, kept: SessionInterval, now: float) -> None:
        """Go on with what a record holds; `kept.left` has been corrected by the time since."""
        self._minimum = kept.minimum
        self._machine.step(self, Input.AGREED_OURS if kept.is_ours else Input.AGREED_THEIRS, kept.interval, now)
        self._shorten(kept.left, now)
        if self._ends_at is not None:
            # It may have run out while nobody had the call: then one request shows whether the far side is there.
            self._ends_at = max(self._ends_at, now + self._rules.timers.f)

    # -- our requests

    def offered(self) -> list[tuple[str, str]]:
        """The fields of an INVITE or UPDATE of ours: what we wish, later what stands (§7.1, §7.4)."""
        if self.state is not State.OFF:
            refresher = "uas" if self.state is State.THEIRS else "uac"
            seconds = f"{max(self.interval, self._minimum)};refresher={refresher}"
        elif self._rules.session_expires:
            seconds = str(max(self._rules.session_expires, self._minimum))
        else:
            return []
        return [("Session-Expires", seconds), ("Min-SE", str(self._minimum))]

    def raised(self, response: Response) -> bool:
        """Take the larger minimum of a 422; return whether there is sense in asking again (§7.3)."""
        try:
            asked = _minimum_of(response)
        except SipError:
            return False
        if asked <= self._minimum or self._raises >= MAX_RAISES:
            return False
        self._raises += 1
        self._minimum = asked
        return True

    def agreed(self, response: Response, now: float) -> None:
        """Take a 2xx to an INVITE or UPDATE of ours (§7.2)."""
        try:
            expiry = Expiry.of(response)
        except SipError:  # as good as none
            expiry = None
        if expiry is not None:
            given = Input.AGREED_THEIRS if expiry.refresher == "uas" else Input.AGREED_OURS
            # Nobody may go below the minimum that the request told.
            self._machine.step(self, given, max(expiry.seconds, self._rules.min_session_expires), now)
        elif wished := self.offered():
            self._machine.step(self, Input.AGREED_OURS, int(wished[0][1].partition(";")[0]), now)

    # -- requests of the far side

    def answered(self, request: Request, now: float) -> list[tuple[str, str]]:
        """The fields of our 2xx to an INVITE or UPDATE, which agree on the interval from now on (§9)."""
        expiry, minimum = Expiry.of(request), _minimum_of(request)
        is_able = request.has_option("Supported", OPTION)
        if expiry is not None and expiry.seconds < self._rules.min_session_expires:
            expiry = None  # from a proxy, for who knows no timer: it gets the least that we do
        seconds = self.interval or self._rules.session_expires
        if expiry is not None:
            seconds = expiry.seconds
        elif seconds:
            seconds = max(seconds, minimum, self._minimum)
        else:
            return []
        is_theirs = is_able and self._is_uac_to_refresh(expiry)
        self._machine.step(self, Input.AGREED_THEIRS if is_theirs else Input.AGREED_OURS, seconds, now)
        fields = [("Session-Expires", f"{seconds};refresher={'uac' if is_theirs else 'uas'}")]
        return [*fields, ("Require", OPTION)] if is_able else fields

    def _is_uac_to_refresh(self, expiry: Expiry | None) -> bool:
        if expiry is None:  # it asks for nothing: who did it before does it, at first we
            return self.state is State.THEIRS
        return expiry.refresher != "uas"

    # -- time

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return self._ends_at if self._refresh_at is None else self._refresh_at  # which comes first

    def is_refresh_due(self, now: float) -> bool:
        """Whether we are to refresh now; told once."""
        if self._refresh_at is None or now < self._refresh_at:
            return False
        return self._machine.step(self, Input.HALF)

    def is_expired(self, now: float) -> bool:
        """Whether the call is to be ended now; told once."""
        return self._ends_at is not None and now >= self._ends_at and self._machine.step(self, Input.EXPIRED)

    def refresh_failed(self, now: float) -> None:
        """Our refresh was refused: there is time for another."""
        self._machine.step(self, Input.FAILED, now)

    def stop(self) -> None:
        """The dialog is over."""
        self._machine.step(self, Input.STOP)

    # -- actions

    def _begin_ours(self, seconds: int, now: float) -> None:
        self._begin(seconds, now)
        self._refresh_at = now + seconds / 2

    def _begin(self, seconds: int, now: float) -> None:
        self.interval = seconds
        self._refresh_at = None
        self._expires_at = now + seconds
        # §10: a little before the end, so that the far side is not the one that finds the call dead.
        self._ends_at = self._expires_at - min(32.0, seconds / 3)

    def _shorten(self, left: float, now: float) -> None:
        early = self._expires_at - now - left
        self._expires_at -= early
        if self._ends_at is not None:
            self._ends_at -= early
        if self._refresh_at is not None:
            self._refresh_at -= early

    def _refresh(self) -> None:
        self._refresh_at = None

    def _again(self, now: float) -> None:
        if self._ends_at is not None:
            self._refresh_at = now + (self._ends_at - now) / 2

    def _end(self) -> None:
        self._refresh_at = self._ends_at = None


TABLE: Rows[State, Input] = {
    (State.OFF, Input.AGREED_OURS): (SessionTimer._begin_ours, State.OURS),
    (State.OFF, Input.AGREED_THEIRS): (SessionTimer._begin, State.THEIRS),
    (State.OURS, Input.AGREED_OURS): (SessionTimer._begin_ours, State.OURS),
    (State.OURS, Input.AGREED_THEIRS): (SessionTimer._begin, State.THEIRS),
    (State.OURS, Input.HALF): (SessionTimer._refresh, State.REFRESHING),
    (State.OURS, Input.EXPIRED): (SessionTimer._end, State.OFF),
    (State.OURS, Input.STOP): (SessionTimer._end, State.OFF),
    (State.REFRESHING, Input.AGREED_OURS): (SessionTimer._begin_ours, State.OURS),
    (State.REFRESHING, Input.AGREED_THEIRS): (SessionTimer._begin, State.THEIRS),
    (State.REFRESHING, Input.FAILED): (SessionTimer._again, State.OURS),
    (State.REFRESHING, Input.EXPIRED): (SessionTimer._end, State.OFF),
    (State.REFRESHING, Input.STOP): (SessionTimer._end, State.OFF),
    (State.THEIRS, Input.AGREED_OURS): (SessionTimer._begin_ours, State.OURS),
    (State.THEIRS, Input.AGREED_THEIRS): (SessionTimer._begin, State.THEIRS),
    (State.THEIRS, Input.EXPIRED): (SessionTimer._end, State.OFF),
    (State.THEIRS, Input.STOP): (SessionTimer._end, State.OFF),
}
