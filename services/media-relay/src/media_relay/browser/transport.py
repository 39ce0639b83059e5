"""The browser's side of one session: ICE and, over the addresses that ICE has proved, DTLS. Sans-IO.

DTLS records are taken only from a validated address, and kept (a few of them) until the plan brings the fingerprint:
the browser's ClientHello overtakes its SDP answer. Failing is final.
"""

from dataclasses import dataclass
from typing import Literal

from OpenSSL import SSL

from ..core import ice
from ..core.packet.stun import BindingRequest
from ..core.plan import BrowserPath, IceCredentials, SessionPlan
from ..core.srtp_keys import SrtpKeys
from .dtls import DtlsEnded, DtlsEndpoint, DtlsState, KeysReady, SendDtls

FailureReason = Literal["fingerprint", "dtls", "consent", "ice", "closed"]

# A ClientHello with post-quantum key share is two datagrams; browsers repeat it while they wait.
MAX_EARLY_DATAGRAMS = 8


@dataclass(frozen=True)
class SendDatagram:
    """Send this on the browser port."""

    datagram: bytes
    destination: BrowserPath


@dataclass(frozen=True)
class KeysChanged:
    """Media is protected with these from now on; None: with none, so there is no media."""

    keys: SrtpKeys | None


@dataclass(frozen=True)
class TransportConnected:
    """The browser is there, and is the one that its SDP named."""


@dataclass(frozen=True)
class TransportFailed:
    """The browser is lost; nothing is sent to it any more."""

    reason: FailureReason


TransportOutput = (
    SendDatagram
    | ice.AddressValidated
    | ice.AddressExpired
    | ice.AddressSelected
    | KeysChanged
    | TransportConnected
    | TransportFailed
)


class BrowserTransport:
    """ICE and DTLS of one session."""

    def __init__(self, agent: ice.IceLite, context: SSL.Context) -> None:
        self._ice = agent
        self._context = context
        self._plan = SessionPlan()
        self._dtls: DtlsEndpoint | None = None
        self._early: list[bytes] = []
        self._is_over = False
        self._output: list[TransportOutput] = []

    @property
    def local_ufrag(self) -> str:
        """The fragment that the browser's checks name us by."""
        return self._ice.local.ufrag

    @property
    def remote_ice(self) -> IceCredentials | None:
        """The browser's credentials, which tell it from another one."""
        return self._plan.remote_ice

    def last_check(self, address: BrowserPath) -> float | None:
        """Return when the last valid check came from this address."""
        return self._ice.last_check(address)

    def apply(self, plan: SessionPlan, now: float) -> None:
        """Take the remote side's credentials, fingerprints and role."""
        if self._is_over:
            return
        self._plan = plan
        if plan.remote_ice is not None:
            self._ice.expect_checks(now)
        if self._dtls is not None and self._is_other_peer(self._dtls, plan):
            # RFC 8842 §4: other fingerprints mean a new association.
            self._dtls = None
            self._output.append(KeysChanged(None))
        self._start_dtls(now)
        self._after(now)

    def receive_check(self, request: BindingRequest, source: BrowserPath, now: float) -> bool:
        """Take a connectivity check; False if it is not authentic."""
        if self._is_over:
            return False
        is_authentic = self._ice.receive(request, source, now)
        self._start_dtls(now)
        self._after(now)
        return is_authentic

    def receive_dtls(self, datagram: bytes, now: float) -> None:
        """Take a DTLS datagram that came from a validated address."""
        if self._is_over:
            return
        if self._dtls is not None:
            self._dtls.receive(datagram, now)
        elif len(self._early) < MAX_EARLY_DATAGRAMS:
            self._early.append(datagram)
        self._after(now)

    def handle_timer(self, now: float) -> None:
        """Let time pass."""
        if self._is_over:
            return
        self._ice.handle_timer(now)
        if self._dtls is not None:
            self._dtls.handle_timer(now)
        self._after(now)

    def next_timer(self) -> float | None:
        """Return when `handle_timer` is to be called."""
        if self._is_over:
            return None
        timers = [self._ice.next_timer(), None if self._dtls is None else self._dtls.next_timer()]
        return min((timer for timer in timers if timer is not None), default=None)

    def close(self, now: float) -> None:
        """Tell the browser that it is over."""
        if self._is_over:
            return
        if self._dtls is not None:
            self._dtls.close(now)
        self._after(now)
        self._shut_down()

    def take_output(self) -> list[TransportOutput]:
        """Return what is to be done, once."""
        output, self._output = self._output, []
        return output

    def _is_other_peer(self, dtls: DtlsEndpoint, plan: SessionPlan) -> bool:
        return bool(plan.fingerprints) and not dtls.is_with(plan.fingerprints)

    def _start_dtls(self, now: float) -> None:
        if self._dtls is not None or not self._plan.fingerprints or self._ice.selected is None:
            return
        self._dtls = DtlsEndpoint(self._context, self._plan.dtls_role, self._plan.fingerprints)
        self._dtls.start(now)
        early, self._early = self._early, []
        for datagram in early:
            self._dtls.receive(datagram, now)

    def _after(self, now: float) -> None:
        """Pass on what ICE and DTLS want done; their failure is ours."""
        failure: FailureReason | None = None
        for wanted in self._ice.take_output():
            if isinstance(wanted, ice.IceFailed):
                failure = wanted.reason
            elif isinstance(wanted, ice.SendStun):
                self._output.append(SendDatagram(wanted.datagram, wanted.destination))
            else:
                self._output.append(wanted)
        for event in self._dtls.take_output() if self._dtls is not None else ():
            if isinstance(event, DtlsEnded):
                failure = failure or event.reason
            elif isinstance(event, KeysReady):
                self._output += [KeysChanged(event.keys), TransportConnected()]
            else:
                self._send_dtls(event)
        if failure is not None:
            self._fail(failure, now)

    def _send_dtls(self, event: SendDtls) -> None:
        if self._ice.selected is not None:
            self._output.append(SendDatagram(event.datagram, self._ice.selected))

    def _fail(self, reason: FailureReason, now: float) -> None:
        if self._dtls is not None and self._dtls.state is not DtlsState.CLOSED:
            self._dtls.close(now)
        self._shut_down()
        self._output.append(TransportFailed(reason))

    def _shut_down(self) -> None:
        self._is_over = True
        self._dtls = None
        self._ice.close()
        self._output += [output for output in self._ice.take_output() if isinstance(output, ice.AddressExpired)]
        self._output.append(KeysChanged(None))
