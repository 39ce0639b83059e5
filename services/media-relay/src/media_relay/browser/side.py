"""The browser's side of one session: the transport in use, and the one that is to follow it. Sans-IO.

A page that was reloaded, or that lost its connection, comes by a new `RTCPeerConnection`: new credentials, a new
association. The old transport is used until the new one has keys, so that nothing is lost meanwhile. Whose datagrams
are whose is told by the fragment that a check names, and by the address that was proved by it.
"""

from ..core.ice import AddressExpired, AddressSelected, AddressValidated
from ..core.packet.stun import BindingRequest
from ..core.plan import BrowserPath, SessionPlan
from .transport import BrowserTransport, KeysChanged, SendDatagram, TransportConnected, TransportFailed, TransportOutput


class BrowserSide:
    """`BrowserTransport` as the data path sees it, whichever of them it is."""

    def __init__(self, transport: BrowserTransport) -> None:
        self._current = transport
        self._successor: BrowserTransport | None = None
        self._chosen: BrowserPath | None = None  # by the successor
        self._output: list[TransportOutput] = []

    @property
    def local_ufrags(self) -> tuple[str, ...]:
        """The fragments by which checks name us now."""
        return tuple(transport.local_ufrag for transport in self._transports())

    def last_check(self, address: BrowserPath) -> float | None:
        """Return when the last valid check came from this address."""
        checks = (transport.last_check(address) for transport in self._transports())
        return max((check for check in checks if check is not None), default=None)

    def renew(self, transport: BrowserTransport, now: float) -> None:
        """Expect the browser by another transport; one that has been expected so far is not any more."""
        self._give_up_successor(now)
        self._successor, self._chosen = transport, None

    def apply(self, plan: SessionPlan, now: float) -> None:
        """Give the plan to the transport that is with the browser which it describes."""
        if self._current.remote_ice in (None, plan.remote_ice):
            self._current.apply(plan, now)
        elif self._successor is not None:
            self._successor.apply(plan, now)
        # Else it is of a successor that never came: the browser that is there stays.
        self._collect(now)

    def receive_check(self, request: BindingRequest, source: BrowserPath, now: float) -> bool:
        """Take a connectivity check; False if it is not authentic."""
        named = next((one for one in self._transports() if one.local_ufrag == request.local_ufrag), None)
        is_authentic = named is not None and named.receive_check(request, source, now)
        self._collect(now)
        return is_authentic

    def receive_dtls(self, datagram: bytes, source: BrowserPath, now: float) -> None:
        """Take a DTLS datagram that came from a validated address."""
        transport = self._current
        if self._successor is not None and self._successor.last_check(source) is not None:
            transport = self._successor
        transport.receive_dtls(datagram, now)
        self._collect(now)

    def handle_timer(self, now: float) -> None:
        """Let time pass."""
        for transport in self._transports():
            timer = transport.next_timer()
            if timer is not None and timer <= now:
                transport.handle_timer(now)
        self._collect(now)

    def next_timer(self) -> float | None:
        """Return when `handle_timer` is to be called."""
        timers = (transport.next_timer() for transport in self._transports())
        return min((timer for timer in timers if timer is not None), default=None)

    def close(self, now: float) -> None:
        """Tell the browser that it is over."""
        for transport in self._transports():
            transport.close(now)
        self._collect(now)

    def take_output(self) -> list[TransportOutput]:
        """Return what is to be done, once."""
        output, self._output = self._output, []
        return output

    def _transports(self) -> tuple[BrowserTransport, ...]:
        return (self._current,) if self._successor is None else (self._current, self._successor)

    def _collect(self, now: float) -> None:
        for wanted in self._current.take_output():
            if not (isinstance(wanted, AddressExpired) and self._is_successors(wanted.address)):
                self._output.append(wanted)
        while self._successor is not None and (outputs := self._successor.take_output()):
            for wanted in outputs:
                self._collect_of_successor(wanted, now)

    def _collect_of_successor(self, wanted: TransportOutput, now: float) -> None:
        match wanted:
            case AddressSelected(address) if self._successor is not None:
                self._chosen = address
            case KeysChanged(keys) if keys is not None:
                self._succeed(now)
                self._output.append(wanted)
                if self._chosen is not None:
                    self._output.append(AddressSelected(self._chosen))
            case KeysChanged():
                pass  # the current transport's stand
            case TransportFailed():
                self._successor = None  # the browser has another one made, or does without
            case AddressExpired(address) if self._current.last_check(address) is not None:
                pass
            case SendDatagram() | AddressValidated() | AddressExpired() | AddressSelected() | TransportConnected():
                self._output.append(wanted)

    def _is_successors(self, address: BrowserPath) -> bool:
        return self._successor is not None and self._successor.last_check(address) is not None

    def _succeed(self, now: float) -> None:
        """The successor is in use from here on."""
        assert self._successor is not None
        former, self._current = self._current, self._successor
        former.close(now)
        for wanted in former.take_output():
            is_address_of_both = isinstance(wanted, AddressExpired) and self._is_successors(wanted.address)
            if not (is_address_of_both or isinstance(wanted, KeysChanged | TransportFailed)):
                self._output.append(wanted)
        self._successor = None

    def _give_up_successor(self, now: float) -> None:
        if self._successor is None:
            return
        self._successor.close(now)
        self._collect(now)
        self._successor = None
