"""Hosts on one wire, each a network namespace of its own: the relay's, which the test moves into, and all the others.

What the test starts, NATS and the relay, runs on the relay's host. The sockets of the others are made inside their
namespaces and belong there from then on, whoever reads them. Addresses are of RFC 5737. Without the right to make a
namespace a test fails: it is never skipped.
"""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from media_relay.core.plan import Address

RELAY_HOST = "198.51.100.1"
_PREFIX_LENGTH = 24
_NAMES = ("browser", "phone", "attacker", "victim")

_CLONE_NEWNET = 0x40000000
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Host:
    """Somebody on the wire."""

    name: str
    address: str
    _namespace: int

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Let sockets that the block makes be this host's. Nothing may be awaited in it."""
        with _namespace() as before:
            _enter(self._namespace)
            try:
                yield
            finally:
                _enter(before)

    def udp(self, port: int = 0) -> socket.socket:
        """Bind a port, any if it is 0."""
        with self.inside():
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            bound.setblocking(False)
            bound.bind((self.address, port))
            return bound

    def raw(self) -> socket.socket:
        """Open a socket that sends whole IP packets, from any source address."""
        with self.inside():
            return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


@dataclass(frozen=True)
class Network:
    """All but the relay's host."""

    browser: Host
    phone: Host
    attacker: Host
    victim: Host


@contextlib.contextmanager
def wired() -> Iterator[Network]:
    """Join the hosts by a bridge on the relay's. All of it is gone when the last socket and process in it are."""
    with contextlib.ExitStack() as stack:
        before = stack.enter_context(_namespace())
        _new_namespace()
        stack.callback(_enter, before)
        _ip("link set lo up")
        _ip("link add wire type bridge")
        _ip(f"address add {RELAY_HOST}/{_PREFIX_LENGTH} dev wire")
        _ip("link set wire up")
        hosts = {}
        for number, name in enumerate(_NAMES, start=2):
            address = RELAY_HOST.rpartition(".")[0] + f".{number}"
            hosts[name] = Host(name, address, stack.enter_context(_plugged_in(name, address)))
        yield Network(**hosts)


@contextlib.contextmanager
def _plugged_in(name: str, address: str) -> Iterator[int]:
    with _namespace() as relay:
        _new_namespace()
        try:
            with _namespace() as made:
                _ip("link set lo up")
                _ip(f"link add eth0 type veth peer name {name} netns /proc/self/fd/{relay}", relay)
                _ip(f"address add {address}/{_PREFIX_LENGTH} dev eth0")
                _ip("link set eth0 up")
                _enter(relay)
                _ip(f"link set {name} master wire")
                _ip(f"link set {name} up")
                yield made
        finally:
            _enter(relay)


@contextlib.contextmanager
def _namespace() -> Iterator[int]:
    """The namespace that we are in, as a descriptor, which keeps it."""
    descriptor = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _new_namespace() -> None:
    if _libc.unshare(_CLONE_NEWNET) != 0:
        raise AssertionError(
            f"no network namespace can be made here ({_why()}): run make trials, which asks for the right"
        )


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise AssertionError(f"cannot enter a network namespace: {_why()}")


def _why() -> str:
    return os.strerror(ctypes.get_errno())


def _ip(command: str, *descriptors: int) -> None:
    done = subprocess.run(["ip", *command.split()], pass_fds=descriptors, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {command}: {done.stderr}"


def forged(source: Address, destination: Address, payload: bytes) -> bytes:
    """Return a UDP packet for `Host.raw`; the kernel writes the IP checksum, and UDP goes without (RFC 768)."""
    udp = struct.pack("!HHHH", source.port, destination.port, 8 + len(payload), 0)
    hosts = socket.inet_aton(source.host) + socket.inet_aton(destination.host)
    return struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0, 64, socket.IPPROTO_UDP, 0) + hosts + udp + payload
