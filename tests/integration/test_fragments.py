"""The native path's sockets: a datagram that is too long for its path is sent in fragments, and none is before."""

import socket

from tests.support.native_parts import allow_fragments, forbid_fragments

IP_MTU_DISCOVER, WANT, DO = 10, 1, 2  # linux/in.h


def test_fragments_are_allowed_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        forbid_fragments(one.fileno())
        assert one.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == DO
        assert allow_fragments(one.fileno())
        assert one.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == WANT
        assert not allow_fragments(one.fileno()), "a second refusal is for another reason: no endless tries"
