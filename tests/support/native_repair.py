"""What repairs video in the native packet path, driven as `native_parts` does."""

import ctypes
from collections.abc import Callable, Sequence

from media_relay import _native

_library = ctypes.CDLL(_native.__file__)
_SIZE = ctypes.c_size_t
_ROOM = 4096

_SEND_BUFFER_ROOM = 512 * 24 + 256 * 1024 + 64
_BUFFERED, _RESENT_ENOUGH = 1, 2


class NativeSendBuffer:
    """`send_buffer.SendBuffer` of the native path."""

    def __init__(self) -> None:
        self._buffer = (ctypes.c_uint64 * (_SEND_BUFFER_ROOM // 8))()

    def keep(self, ssrc: int, sequence_number: int, packet: bytes) -> None:
        number = ctypes.c_uint16(sequence_number)
        _library.send_buffer_keep(self._buffer, ctypes.c_uint32(ssrc), number, packet, _SIZE(len(packet)))

    def find(self, ssrc: int, sequence_number: int, now: float) -> bytes | None:
        packet, length = ctypes.c_void_p(), _SIZE()
        found = _library.send_buffer_find(
            self._buffer,
            ctypes.c_uint32(ssrc),
            ctypes.c_uint16(sequence_number),
            ctypes.c_double(now),
            ctypes.byref(packet),
            ctypes.byref(length),
        )
        if found == _RESENT_ENOUGH:
            return b""
        return ctypes.string_at(packet, length.value) if found == _BUFFERED else None

    def clear(self) -> None:
        _library.send_buffer_clear(self._buffer)


class NativeLosses:
    """`losses.Losses` of the native path."""

    def __init__(self) -> None:
        self._losses = (ctypes.c_uint64 * 256)()

    def receive(self, ssrc: int, sequence_number: int, now: float) -> list[int]:
        due = (ctypes.c_uint16 * 64)()
        count = _library.losses_receive(
            self._losses, ctypes.c_uint32(ssrc), ctypes.c_uint16(sequence_number), ctypes.c_double(now), due
        )
        return list(due[:count])


_IS_DONE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint16)


_TREATMENT = ctypes.CFUNCTYPE(_SIZE, ctypes.c_void_p, ctypes.c_void_p, _SIZE)
_library.feedback_rewrite.restype = _SIZE


class NativeFeedback:
    """`packet.feedback` of the native path."""

    @staticmethod
    def rewrite(compound: bytes, treat: Callable[[int, int], int]) -> bytes:
        """`treat` gets a packet's address and length, and returns what is left of it."""
        buffer = ctypes.create_string_buffer(compound, len(compound))
        left = _library.feedback_rewrite(
            buffer, _SIZE(len(compound)), _TREATMENT(lambda _, packet, length: treat(packet, length)), None
        )
        return buffer.raw[:left]

    @staticmethod
    def without(nack: bytes, is_done: Callable[[int], bool]) -> bytes:
        buffer = ctypes.create_string_buffer(nack, len(nack))
        done = _IS_DONE(lambda _, number: is_done(number))
        left = _library.feedback_without(buffer, _SIZE(len(nack)), done, None)
        return buffer.raw[:left]

    @staticmethod
    def generic_nack(sender: int, about: int, numbers: Sequence[int]) -> bytes:
        lost = (ctypes.c_uint16 * len(numbers))(*numbers)
        return _written("feedback_generic_nack", sender, about, lost, _SIZE(len(numbers)))

    @staticmethod
    def full_intra_request(sender: int, about: int, number: int) -> bytes:
        return _written("feedback_full_intra_request", sender, about, ctypes.c_uint8(number))


def _written(name: str, sender: int, about: int, *what: object) -> bytes:
    buffer = ctypes.create_string_buffer(_ROOM)
    length = _library[name](buffer, ctypes.c_uint32(sender), ctypes.c_uint32(about), *what)
    return buffer.raw[:length]
