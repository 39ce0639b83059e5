"""`python -m bench.media.ours native|python PROFILE PART OF`: our forwarder as a process, with known keys and no bus.

Reads a number of calls to add from each line of its input, and answers with their ports and keys as a line of JSON.
Of several such processes (`OF`) each has its own part of the ports and of the calls, the first one being part 0.
"""

import asyncio
import importlib
import itertools
import json
import os
import resource
import sys
from typing import Any

import structlog

from media_relay import sockets
from media_relay.core.packet.demux import DatagramKind
from media_relay.core.plan import Address, BrowserPath, StreamPlan
from media_relay.core.ports import PortPool, even_ports
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.forwarding.forwarder import Forwarder
from media_relay.sip_ports import SipPorts
from shared.messages.media import Side

from .calls import RELAY_HOST, browser, phone

# Where it is, and its ports: both run at a time.
FORWARDERS = {
    "native": ("media_relay.forwarding.native", "NativeForwarder", even_ports(10000, 16999)),
    "python": ("media_relay.forwarding.python.forwarder", "PythonForwarder", even_ports(17000, 19999)),
}


class Ours:
    """A forwarder and its sessions."""

    def __init__(self, kind: str, profile: SrtpProfile, part: int, of: int, ended: "asyncio.Future[None]") -> None:
        self._ended = ended
        module, name, ports = FORWARDERS[kind]
        loop = asyncio.get_running_loop()
        browser_socket = sockets.bind_browser_socket(RELAY_HOST, 0)
        self._browser_port: int = browser_socket.getsockname()[1]
        self._profile = profile
        self._ports = SipPorts(RELAY_HOST, PortPool(ports[part::of], quarantine_seconds=0.0))
        self._numbers = itertools.count(part, of)
        make = getattr(importlib.import_module(module), name)
        self._forwarder: Forwarder = make(loop, [browser_socket], self._refuse, self._refuse_event)
        loop.add_reader(sys.stdin, self._answer)

    def close(self) -> None:
        """End all sessions."""
        self._forwarder.close()

    def _refuse(self, datagram: bytes, kind: DatagramKind, source: BrowserPath, session: int | None) -> None:
        raise RuntimeError(f"{kind} came from {source}: the load is RTP alone")

    def _refuse_event(self, session: int, stream: int, side: Side, packet: bytes) -> None:
        raise RuntimeError("a telephone-event came: the load is media alone")

    def _answer(self) -> None:
        line = sys.stdin.readline()
        if not line:
            asyncio.get_running_loop().remove_reader(sys.stdin)
            self._ended.set_result(None)
            return
        print(json.dumps([self._add() for _ in range(int(line))]), flush=True)

    def _add(self) -> tuple[int, int, str, str]:
        number = next(self._numbers)
        ((port, pair),) = self._ports.bind(1, 0.0).items()
        length = self._profile.key_length + self._profile.salt_length
        keys = SrtpKeys(self._profile, os.urandom(length), os.urandom(length))
        far = phone(number)
        plan = StreamPlan("audio", far, Address(far.host, far.port + 1), to_sip={0: 0}, to_browser={0: 0})
        self._forwarder.add_session(number, [pair])
        self._forwarder.set_streams(number, [plan])
        self._forwarder.set_keys(number, keys)
        path = BrowserPath(*browser(number))
        self._forwarder.add_source(number, path)
        self._forwarder.set_destination(number, path)
        return self._browser_port, port, keys.receive.hex(), keys.send.hex()


async def _run(kind: str, profile: SrtpProfile, part: int, of: int) -> None:
    ended = asyncio.get_running_loop().create_future()

    def fail(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End with what a callback raised: whoever asked would wait for ever for an answer."""
        if not ended.done():
            ended.set_exception(context.get("exception") or RuntimeError(context["message"]))

    asyncio.get_running_loop().set_exception_handler(fail)
    made = Ours(kind, profile, part, of, ended)
    await ended
    made.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(_run(sys.argv[1], SrtpProfile[sys.argv[2]], *map(int, sys.argv[3:5])))
