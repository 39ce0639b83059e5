"""Rooms of the native packet path, driven one by one: its library's functions, called as C does."""

import ctypes

from media_relay import _native
from media_relay.core.counters import Drop
from media_relay.core.latch import LatchPolicy, LatchState
from media_relay.core.packet.rtp import RtpHeader
from media_relay.core.plan import Address
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.core.statistics import SourceStatistics
from media_relay.forwarding.python.srtp import SrtpRefused
from shared.messages.media import Side

_library = ctypes.CDLL(_native.__file__)
_library.srtp_session_new.restype = ctypes.c_void_p
_library.allow_fragments.restype = ctypes.c_bool
_SIZE = ctypes.c_size_t
_ROOM = 4096

_PROFILES = {
    SrtpProfile.AES128_CM_SHA1_80: 0,
    SrtpProfile.AEAD_AES_128_GCM: 1,
    SrtpProfile.AEAD_AES_256_GCM: 2,
    SrtpProfile.AES128_CM_SHA1_32: 3,
}
_DROPS = (None, Drop.SRTP_AUTH, Drop.REPLAY, Drop.MALFORMED, Drop.TOO_LONG, Drop.SSRC_LIMIT)


class NativeSrtpSession:
    """`srtp.SrtpSession` of the native path."""

    def __init__(self, keys: SrtpKeys) -> None:
        receive, send = keys.receive, keys.send
        self.address = _library.srtp_session_new(
            _PROFILES[keys.profile], receive, _SIZE(len(receive)), send, _SIZE(len(send))
        )
        assert self.address, "no SRTP session of these keys"

    def __del__(self) -> None:
        _library.srtp_session_free(ctypes.c_void_p(self.address))

    def protect_rtp(self, packet: bytes) -> bytes:
        return self._call("srtp_protect_rtp", packet)

    def unprotect_rtp(self, packet: bytes) -> bytes:
        return self._call("srtp_unprotect_rtp", packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._call("srtp_protect_rtcp", packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        return self._call("srtp_unprotect_rtcp", packet)

    def _call(self, name: str, packet: bytes) -> bytes:
        buffer = ctypes.create_string_buffer(packet, _ROOM)
        length = _SIZE(len(packet))
        drop = _DROPS[_library[name](ctypes.c_void_p(self.address), buffer, ctypes.byref(length))]
        if drop is not None:
            raise SrtpRefused(drop)
        return buffer.raw[: length.value]


class _Address(ctypes.Structure):
    """`union address`, by its longest member."""

    _fields_ = (("bytes", ctypes.c_uint32 * 7),)

    @classmethod
    def of(cls, address: Address | None) -> "_Address":
        made = cls()
        if address is not None:
            assert _library.address_parse(ctypes.byref(made), address.host.encode(), ctypes.c_uint16(address.port))
        return made

    def read(self) -> Address | None:
        if not any(self.bytes):
            return None
        text = ctypes.create_string_buffer(64)
        _library.address_print(ctypes.byref(self), text)
        return Address(text.value.decode(), _library.address_port(ctypes.byref(self)) & 0xFFFF)


class _Policy(ctypes.Structure):
    _fields_ = (
        ("other_host_seconds", ctypes.c_double),
        ("settle_seconds", ctypes.c_double),
        ("probation_packets", ctypes.c_uint32),
        ("unheard_packets_per_second", ctypes.c_uint32),
    )


class _RtpLatch(ctypes.Structure):
    """The head of `struct rtp_latch`; the rest is the native side's alone."""

    _fields_ = (
        ("state", ctypes.c_int),
        ("rank", ctypes.c_int),
        ("source", _Address),
        ("signalled", _Address),
        ("armed_at", ctypes.c_double),
        ("latched_at", ctypes.c_double),
        ("barred", ctypes.POINTER(_Address)),
        ("barred_count", _SIZE),
        ("candidate_count", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 2048),
    )


for _name in ("address_parse", "rtp_latch_accepts", "rtcp_latch_accepts"):
    _library[_name].restype = ctypes.c_bool


class NativeRtpLatch:
    """`latch.RtpLatch` of the native path."""

    def __init__(self, policy: LatchPolicy, barred: frozenset[Address] = frozenset()) -> None:
        self._policy = _Policy(
            policy.other_host_seconds,
            policy.settle_seconds,
            policy.probation_packets,
            policy.unheard_packets_per_second,
        )
        self._barred = (_Address * len(barred))(*(_Address.of(source) for source in barred))
        self._latch = _RtpLatch(
            barred=ctypes.cast(self._barred, ctypes.POINTER(_Address)), barred_count=len(self._barred)
        )

    @property
    def source(self) -> Address | None:
        return self._latch.source.read()

    @property
    def destination(self) -> Address | None:
        return self.source or self._latch.signalled.read()

    @property
    def state(self) -> LatchState:
        return list(LatchState)[int(self._latch.state)]

    @property
    def candidates(self) -> int:
        return int(self._latch.candidate_count)

    def expect(self, signalled: Address | None, now: float) -> None:
        _library.rtp_latch_expect(ctypes.byref(self._latch), ctypes.byref(_Address.of(signalled)), ctypes.c_double(now))

    def lock(self) -> None:
        _library.rtp_latch_lock(ctypes.byref(self._latch))

    def accepts(self, source: Address, ssrc: int, sequence_number: int, now: float) -> bool:
        accepted = _library.rtp_latch_accepts(
            ctypes.byref(self._latch),
            ctypes.byref(self._policy),
            ctypes.byref(_Address.of(source)),
            ctypes.c_uint32(ssrc),
            ctypes.c_uint16(sequence_number),
            ctypes.c_double(now),
        )
        return bool(accepted)


_library.srtp_guess_index.restype = ctypes.c_uint64
_library.aes_ecb_new.restype = ctypes.c_void_p


def index_after(highest: int, sequence_number: int) -> int:
    """Return the index that the number means."""
    return int(_library.srtp_guess_index(ctypes.c_uint64(highest), ctypes.c_uint16(sequence_number)))


def keystream(key: bytes, counter: bytes) -> bytes:
    """Return one block of AES in counter mode."""
    assert _library.crypto_open() == 0
    cipher = ctypes.c_void_p(_library.aes_ecb_new(key, _SIZE(len(key))))
    return _block(cipher, counter)


def _block(cipher: ctypes.c_void_p, counter: bytes) -> bytes:
    block = ctypes.create_string_buffer(counter, 16)
    assert _library.aes_ecb_encrypt(cipher, block, _SIZE(16)) & 0xFF
    return block.raw


class _RtpKeys(ctypes.Structure):
    """`struct srtp_keys`."""

    _fields_ = (("cipher", ctypes.c_void_p), ("hmac", ctypes.c_uint32 * 10), ("salt", ctypes.c_uint8 * 14))


class _Keys(ctypes.Structure):
    """`struct srtp_direction_keys`."""

    _fields_ = (
        ("rtp", _RtpKeys),
        ("rtcp_key", ctypes.c_uint8 * 32),
        ("rtcp_authentication", ctypes.c_uint8 * 20),
        ("rtcp_salt", ctypes.c_uint8 * 14),
    )


class _SessionHead(ctypes.Structure):
    """The head of `struct srtp_session`."""

    _fields_ = (("profile", ctypes.c_int), ("receive", _Keys), ("send", _Keys))


_library.gcm_new.restype = ctypes.c_void_p


def with_session_keys(profile: SrtpProfile, key: bytes, salt: bytes) -> NativeSrtpSession:
    """Return an AEAD session that has these for its session keys, both ways, RTP and RTCP: nothing is derived."""
    unused = bytes(len(key) + len(salt))
    session = NativeSrtpSession(SrtpKeys(profile, unused, unused))
    head = _SessionHead.from_address(session.address)
    for keys, use in ((head.send, 0), (head.receive, 1)):
        keys.rtp.cipher = _library.gcm_new(key, _SIZE(len(key)), use)  # instead of one that the test leaves behind
        keys.rtp.salt[: len(salt)] = keys.rtcp_salt[: len(salt)] = salt
        keys.rtcp_key[: len(key)] = key
    return session


def derive(profile: SrtpProfile, master: bytes) -> dict[str, bytes]:
    """Return the session salt, the block of zeros that the session's cipher key encrypts, and its HMAC, keyed."""
    assert _library.crypto_open() == 0
    keys = _Keys()
    assert _library.srtp_derive(ctypes.byref(keys), _PROFILES[profile], 0, master) & 0xFF
    block = _block(ctypes.c_void_p(keys.rtp.cipher), bytes(16))
    return {"salt": bytes(keys.rtp.salt), "block": block, "hmac": bytes(keys.rtp.hmac)}


def hmac_of(key: bytes) -> bytes:
    """Return HMAC-SHA1, keyed with this."""
    keyed = (ctypes.c_uint32 * 10)()
    assert _library.crypto_open() == 0
    _library.hmac_key(ctypes.byref(keyed), key, _SIZE(len(key)))
    return bytes(keyed)


class _Header(ctypes.Structure):
    _fields_ = (
        ("payload_type", ctypes.c_uint8),
        ("sequence_number", ctypes.c_uint16),
        ("timestamp", ctypes.c_uint32),
        ("ssrc", ctypes.c_uint32),
        ("length", _SIZE),
    )


_library.outgoing_admit.restype = ctypes.c_bool


class NativeOutgoingSource:
    """`outgoing.OutgoingSource` of the native path."""

    def __init__(self) -> None:
        self._source = (ctypes.c_uint64 * 16)()

    def admit(self, header: RtpHeader, now: float) -> int | None:
        packet = ctypes.create_string_buffer(12)
        parsed = _Header(header.payload_type, header.sequence_number, header.timestamp, header.ssrc, header.length)
        is_admitted = _library.outgoing_admit(self._source, packet, ctypes.byref(parsed), ctypes.c_double(now))
        return int.from_bytes(packet.raw[2:4], "big") if is_admitted else None

    def begin_event(self, clock_rate: int, now: float) -> None:
        _library.outgoing_begin_event(self._source, ctypes.c_uint32(clock_rate), ctypes.c_double(now))

    def event_packet(self, payload_type: int, payload: bytes, marker: bool, later: int) -> bytes:
        packet = ctypes.create_string_buffer(12)
        _library.outgoing_event_header(
            self._source, packet, ctypes.c_uint8(payload_type), ctypes.c_bool(marker), ctypes.c_uint32(later)
        )
        return packet.raw + payload

    def end_event(self) -> None:
        _library.outgoing_end_event(self._source)


class _ReportBlock(ctypes.Structure):
    _fields_ = (
        ("fraction_lost", ctypes.c_uint8),
        ("jitter", ctypes.c_uint32),
        ("last_report", ctypes.c_uint32),
        ("delay", ctypes.c_uint32),
    )


class _Statistics(ctypes.Structure):
    _fields_ = (
        ("packets", ctypes.c_uint64),
        ("octets", ctypes.c_uint64),
        ("sent_packets", ctypes.c_uint64),
        ("sent_octets", ctypes.c_uint64),
        ("cycles", ctypes.c_uint32),
        ("restarts_at", ctypes.c_uint32),
        ("first", ctypes.c_uint16),
        ("highest", ctypes.c_uint16),
        ("shift", ctypes.c_uint16),
        ("transit", ctypes.c_uint32),
        ("last_timestamp", ctypes.c_uint32),
        ("has_transit", ctypes.c_bool),
        ("jitter", ctypes.c_double),
        ("last_heard", ctypes.c_double),
        ("sender_report_at", ctypes.c_double),
        ("reported_at", ctypes.c_double),
        ("sender_report", ctypes.c_uint32),
        ("reported_jitter", ctypes.c_uint32),
        ("reported_loss", ctypes.c_uint8),
        ("has_round_trip", ctypes.c_bool),
        ("has_events", ctypes.c_bool),
        ("round_trip", ctypes.c_double),
    )


class NativeSourceRecord:
    """`statistics.SourceRecord` of the native path."""

    def __init__(self) -> None:
        self._statistics = _Statistics()

    @property
    def shift(self) -> int:
        return int(self._statistics.shift)

    def note_sender_report(self, middle: int, now: float) -> None:
        self._statistics.sender_report, self._statistics.sender_report_at = middle, now

    def hear(self, sequence_number: int, timestamp: int, octets: int, now: float, clock_rate: int) -> None:
        header = _Header(sequence_number=sequence_number, timestamp=timestamp)
        _library.statistics_hear(
            ctypes.byref(self._statistics),
            ctypes.byref(header),
            _SIZE(octets),
            ctypes.c_double(now),
            ctypes.c_uint32(clock_rate),
        )

    def reported(self, loss: float, jitter: int, last_report: int, delay: int, now: float) -> None:
        block = _ReportBlock(round(256 * loss), jitter, last_report, delay)
        _library.statistics_reported(ctypes.byref(self._statistics), ctypes.byref(block), ctypes.c_double(now))

    def statistics(self, stream: int, side: Side, ssrc: int) -> SourceStatistics:
        known = self._statistics
        is_reported = bool(known.reported_at)
        return SourceStatistics(
            stream=stream,
            side=side,
            ssrc=ssrc,
            packets=known.packets,
            octets=known.octets,
            first_sequence=known.first,
            highest_sequence=known.cycles + known.highest,
            jitter=known.jitter,
            last_heard=known.last_heard,
            last_timestamp=known.last_timestamp,
            sent_packets=known.sent_packets,
            sent_octets=known.sent_octets,
            sender_report=(known.sender_report, known.sender_report_at) if known.sender_report_at else None,
            reported_at=known.reported_at if is_reported else None,
            reported_loss=known.reported_loss / 256 if is_reported else None,
            reported_jitter=known.reported_jitter if is_reported else None,
            round_trip=known.round_trip if known.has_round_trip else None,
        )


def forbid_fragments(descriptor: int) -> None:
    _library.forbid_fragments(descriptor)


def allow_fragments(descriptor: int) -> bool:
    """Whether they were not allowed before."""
    return bool(_library.allow_fragments(descriptor))
