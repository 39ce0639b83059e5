"""One DTLS association of DTLS-SRTP (RFC 5764), over OpenSSL's memory BIOs: no socket, no task.

The peer's certificate is compared with the fingerprints of its SDP before any key leaves this object (RFC 8122 §6.2).
OpenSSL reads its own clock for retransmissions; `now` only tells when to let it look.

    NEW ──start──▶ HANDSHAKING ──done──▶ CONNECTED ──close_notify, close──▶ CLOSED
                        └──alert, timeout, wrong fingerprint──▶ CLOSED
"""

from dataclasses import dataclass
from enum import Enum, auto
from struct import Struct
from typing import Literal

from cryptography import x509
from OpenSSL import SSL

from ..core import srtp_keys
from ..core.plan import DtlsRole
from ..core.srtp_keys import SrtpKeys
from . import certificate

# Browsers offer DTLS 1.3 too; its record header is another one, and a new OpenSSL must not switch it on silently.
_DTLS_1_2 = 0xFEFD
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
_MTU = 1200
_READ_SIZE = 65536
_RECORD_HEADER = Struct("!BHHIHH")  # type, version, epoch, sequence number (48 bits), length
_HANDSHAKE_TIMEOUT = 30.0

Fingerprints = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SendDtls:
    """Send this datagram."""

    datagram: bytes


@dataclass(frozen=True)
class KeysReady:
    """The handshake is done and the peer is the one that its SDP named."""

    keys: SrtpKeys


@dataclass(frozen=True)
class DtlsEnded:
    """Nothing more comes: another certificate than the SDP's, a failed handshake, or the peer's close_notify."""

    reason: Literal["fingerprint", "dtls", "closed"]


DtlsOutput = SendDtls | KeysReady | DtlsEnded


class DtlsState(Enum):
    """See the diagram."""

    NEW = auto()
    HANDSHAKING = auto()
    CONNECTED = auto()
    CLOSED = auto()


def create_context(own: certificate.Certificate) -> SSL.Context:
    """Make the OpenSSL context that all associations of the process share."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # a call's association is silent once it is connected
    # WebRTC certificates are self-signed: any is let through here and then compared with the fingerprint.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(own.x509)
    context.use_privatekey(own.key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(":".join(profile.openssl_name for profile in srtp_keys.PREFERENCE).encode())
    return context


class DtlsEndpoint:
    """One side of one association."""

    def __init__(self, context: SSL.Context, role: DtlsRole, fingerprints: Fingerprints) -> None:
        self.state = DtlsState.NEW
        self.role = role
        self.peer_certificate: x509.Certificate | None = None  # set once it is verified
        self._fingerprints = fingerprints
        self._connection = SSL.Connection(context, None)
        self._connection.set_ciphertext_mtu(_MTU)
        if role == "server":
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()
        self._deadline = 0.0
        self._retransmit_at: float | None = None
        self._output: list[DtlsOutput] = []

    def start(self, now: float) -> None:
        """Begin the handshake; a client sends its ClientHello."""
        self.state = DtlsState.HANDSHAKING
        self._deadline = now + _HANDSHAKE_TIMEOUT
        self._handshake(now)

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a datagram; what is no whole number of records is dropped (RFC 6347 §4.1.2.7)."""
        if self.state not in (DtlsState.HANDSHAKING, DtlsState.CONNECTED) or not split_records(datagram):
            return
        self._connection.bio_write(datagram)
        if self.state is DtlsState.HANDSHAKING:
            self._handshake(now)
        if self.state is DtlsState.CONNECTED:
            self._read()

    def handle_timer(self, now: float) -> None:
        """Retransmit a lost flight, or give up."""
        if self.state is not DtlsState.HANDSHAKING:
            return
        if now >= self._deadline:
            self._end("dtls")
        elif self._retransmit_at is not None and now >= self._retransmit_at:
            try:
                self._connection.DTLSv1_handle_timeout()
            except SSL.Error:
                self._end("dtls")
            else:
                self._flush(now)

    def next_timer(self) -> float | None:
        """Return when `handle_timer` is to be called."""
        if self.state is not DtlsState.HANDSHAKING:
            return None
        return self._deadline if self._retransmit_at is None else min(self._deadline, self._retransmit_at)

    def close(self, now: float) -> None:
        """Say close_notify, if there is somebody to hear it."""
        if self.state is DtlsState.CONNECTED:
            self._say_close_notify(now)
        self.state = DtlsState.CLOSED

    def is_with(self, fingerprints: Fingerprints) -> bool:
        """Tell whether a description with these fingerprints means the association that there is."""
        if self.peer_certificate is None:
            return fingerprints == self._fingerprints
        return certificate.matches(self.peer_certificate, fingerprints)

    def take_output(self) -> list[DtlsOutput]:
        """Return what is to be done, once."""
        output, self._output = self._output, []
        return output

    def _handshake(self, now: float) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._flush(now)
        except SSL.Error:
            self._flush(now)  # the alert that tells the peer
            self._end("dtls")
        else:
            # Keys first: once the peer has our Finished, its media comes at once.
            self._finish(now)
            self._flush(now)

    def _finish(self, now: float) -> None:
        try:
            peer = self._connection.get_peer_certificate(as_cryptography=True)
        except (ValueError, x509.InvalidVersion):  # one that OpenSSL takes and cryptography does not parse
            peer = None
        if peer is None or not certificate.matches(peer, self._fingerprints):
            self._refuse("fingerprint", now)
            return
        profile = srtp_keys.profile_named(self._connection.get_selected_srtp_profile().decode())
        if profile is None:
            self._refuse("dtls", now)
            return
        material = self._connection.export_keying_material(srtp_keys.EXPORTER_LABEL, profile.material_length)
        self.peer_certificate = peer
        self.state = DtlsState.CONNECTED
        self._output.append(KeysReady(srtp_keys.split(profile, material, is_server=self.role == "server")))

    def _read(self) -> None:
        """Let OpenSSL handle alerts and repeated flights; application data (data channels) is not ours and dropped."""
        try:
            while True:
                self._connection.recv(_READ_SIZE)
        except SSL.WantReadError:
            self._send_pending()
        except SSL.Error:  # close_notify and fatal alerts alike
            self._drain_bio()
            self._end("closed")

    def _refuse(self, reason: Literal["fingerprint", "dtls"], now: float) -> None:
        """End an association that the peer already takes for established."""
        self._say_close_notify(now)
        self._end(reason)

    def _say_close_notify(self, now: float) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            self._drain_bio()
        else:
            self._flush(now)

    def _end(self, reason: Literal["fingerprint", "dtls", "closed"]) -> None:
        self.state = DtlsState.CLOSED
        self._output.append(DtlsEnded(reason))

    def _flush(self, now: float) -> None:
        self._send_pending()
        timeout = self._connection.DTLSv1_get_timeout()
        self._retransmit_at = None if timeout is None else now + timeout

    def _send_pending(self) -> None:
        datagrams = pack_records(split_records(self._drain_bio()))
        self._output.extend(SendDtls(datagram) for datagram in datagrams)

    def _drain_bio(self) -> bytes:
        chunks = []
        try:
            while True:
                chunks.append(self._connection.bio_read(_READ_SIZE))
        except SSL.WantReadError:
            return b"".join(chunks)


def split_records(data: bytes) -> list[bytes]:
    """Cut at the record headers (RFC 6347 §4.1); an empty list if the last record is cut short."""
    records = []
    position = 0
    while position < len(data):
        if len(data) - position < _RECORD_HEADER.size:
            return []
        end = position + _RECORD_HEADER.size + _RECORD_HEADER.unpack_from(data, position)[-1]
        if end > len(data):
            return []
        records.append(data[position:end])
        position = end
    return records


def pack_records(records: list[bytes]) -> list[bytes]:
    """Fill datagrams with whole records: a memory BIO does not keep the borders that OpenSSL meant."""
    datagrams: list[bytes] = []
    for record in records:
        if datagrams and len(datagrams[-1]) + len(record) <= _MTU:
            datagrams[-1] += record
        else:
            datagrams.append(record)
    return datagrams
