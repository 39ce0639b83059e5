"""UDP sockets of the data path: one for all browsers, a pair for each stream on the SIP side."""

import socket
from collections.abc import Sequence

import structlog

_log = structlog.get_logger(__name__)

UdpSocket = socket.socket

_BROWSER_RECEIVE_BUFFER = 8 * 1024 * 1024  # a stall of 100 ms with a thousand calls
_SO_RCVBUFFORCE = 33  # Linux, with CAP_NET_ADMIN: beyond net.core.rmem_max


def bind_browser_sockets(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Bind the port that all browsers send to, on each of the addresses: all or, with OSError, none. 0: any port, which
    all then have."""
    bound: list[socket.socket] = []
    try:
        for host in hosts:
            bound.append(bind_browser_socket(host, bound[0].getsockname()[1] if bound else port))
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound


def bind_browser_socket(host: str, port: int) -> socket.socket:
    """Bind it on one of them."""
    bound = _bind(host, port)
    try:
        bound.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BROWSER_RECEIVE_BUFFER)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BROWSER_RECEIVE_BUFFER)
    got = bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel tells twice what it was asked for
    if got < _BROWSER_RECEIVE_BUFFER:
        _log.warning("small receive buffer: raise net.core.rmem_max", got=got, wanted=_BROWSER_RECEIVE_BUFFER)
    return bound


def bind_pair(host: str, rtp_port: int) -> tuple[socket.socket, socket.socket]:
    """Bind an RTP port and the RTCP port after it: both or, with OSError, none."""
    rtp = _bind(host, rtp_port)
    try:
        return rtp, _bind(host, rtp_port + 1)
    except OSError:
        rtp.close()
        raise


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            # `::` beside `0.0.0.0` is a socket for each family; and nobody has an address of IPv4 written as IPv6.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
