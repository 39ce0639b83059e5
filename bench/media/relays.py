"""The relays under load, each a process held to a core: ours, rtpengine, and the floor of bare sockets."""

import base64
import contextlib
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile

from ..calls.process import Measured, free_port, measured, wait_for_udp
from .calls import BROWSER_PORT, PHONE_PORT, RELAY_HOST, Call, browser, phone
from .ng import Ng
from .tape import Tape

BINARIES = Path("var/bench-media")
_FLOOR_SIP_PORT = 4000  # of the one with one socket, the other's follow; other relays have the ports from 10000 on
_SDES_NAMES = {
    SrtpProfile.AES128_CM_SHA1_80: "AES_CM_128_HMAC_SHA1_80",
    SrtpProfile.AEAD_AES_128_GCM: "AEAD_AES_128_GCM",
}


def memory_folder() -> str | None:
    """Return where files are memory, or None for where they usually are: a tape is up to 100 MB."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Relay:
    """A relay that runs. `add` makes it take more calls."""

    def __init__(self, name: str, process: Measured, tape: Tape, add: Callable[[int, int], list[Call]]) -> None:
        self.name = name
        self.process = process
        self.tape = tape
        self.calls: list[Call] = []
        self._add = add
        prefer(process.pid)

    def have(self, count: int) -> None:
        """Have at least so many calls."""
        if len(self.calls) < count:
            self.calls += self._add(len(self.calls), count)


def prefer(pid: int) -> None:
    """Let what else runs on this machine wait for a process that leads its session; without the right to, it shares.

    The kernel gives each session its share of a core first (sched(7), autogroup); a niceness counts within it alone.
    """
    with contextlib.suppress(PermissionError, FileNotFoundError):
        Path(f"/proc/{pid}/autogroup").write_text("-20")


@contextlib.contextmanager
def ours(kind: str, profile: SrtpProfile, core: int, folder: Path) -> Iterator[Relay]:
    """Run our forwarder, native or python, as it is by default."""
    with our_pods(1, kind, profile, core, folder) as (relay, _):
        yield relay


@contextlib.contextmanager
def our_pods(
    count: int, kind: str, profile: SrtpProfile, core: int, folder: Path
) -> Iterator[tuple[Relay, list[Measured]]]:
    """Run several forwarders that calls are dealt out to in turn; to the generator they are one relay, the first."""
    command = ["setsid", sys.executable, "-m", "bench.media.ours", kind, profile.name]
    with contextlib.ExitStack() as stack:
        pods = [stack.enter_context(measured([*command, str(part), str(count)], core)) for part in range(count)]

        def add(first: int, end: int) -> list[Call]:
            numbers = range(first, end)
            shares = [sum(number % count == part for number in numbers) for part in range(count)]
            made = [iter(json.loads(pod.ask(str(share)))) for pod, share in zip(pods, shares, strict=True)]
            return [_call(profile, number, *next(made[number % count])) for number in numbers]

        add(0, 0)  # they run
        yield Relay(kind, pods[0], Tape(folder / f"{kind}-{profile.name}"), add), pods


def _call(profile: SrtpProfile, number: int, browser_port: int, sip_port: int, receive: str, send: str) -> Call:
    return Call(browser(number), phone(number), browser_port, sip_port, _keys(profile, receive, send))


def _keys(profile: SrtpProfile, receive: str, send: str) -> SrtpKeys:
    return SrtpKeys(profile, bytes.fromhex(receive), bytes.fromhex(send))


@contextlib.contextmanager
def floor(core: int, folder: Path, sip_sockets: int = 1) -> Iterator[Relay]:
    """Run the bare loop, with one socket for all phones or with one for each of so many calls."""
    step = int(sip_sockets > 1)
    browsers, phones = free_port(), _FLOOR_SIP_PORT + step
    ports = (browsers, phones, sip_sockets, BROWSER_PORT, PHONE_PORT)
    with measured(["setsid", str(BINARIES / "floor"), RELAY_HOST, *map(str, ports)], core) as process:
        process.line_with("ready")

        def add(first: int, end: int) -> list[Call]:
            return [
                Call(browser(number), phone(number), browsers, phones + step * number, None)
                for number in range(first, end)
            ]

        name = "floor" if sip_sockets == 1 else "floor, own sockets"
        yield Relay(name, process, Tape(folder / name), add)


@contextlib.contextmanager
def rtpengine(profile: SrtpProfile, core: int, folder: Path) -> Iterator[Relay]:
    """Run rtpengine in user space, with one worker thread and otherwise as it is by default."""
    port = free_port()
    options = (
        "--table=-1",  # no kernel module
        "--num-threads=1",
        f"--interface={RELAY_HOST}",
        f"--listen-ng=127.0.0.1:{port}",
        "--port-min=20000",
        "--port-max=32767",
        "--foreground",
        "--log-stderr",
        "--log-level=3",
        f"--pidfile={folder}/rtpengine-{profile.name}.pid",
    )
    with measured(["setsid", "rtpengine", *options], core) as process:
        wait_for_udp(port)
        ng = Ng(port)

        def add(first: int, end: int) -> list[Call]:
            return [_negotiate(ng, number, profile) for number in range(first, end)]

        yield Relay("rtpengine", process, Tape(folder / f"rtpengine-{profile.name}"), add)
        ng.close()


_unique = itertools.count(1)


def _negotiate(ng: Ng, number: int, profile: SrtpProfile) -> Call:
    """Offer and answer of a call: SDES on the browser's side, RTP/AVP on the phone's."""
    ours_to_it = os.urandom(profile.key_length + profile.salt_length)
    crypto = f"a=crypto:1 {_SDES_NAMES[profile]} inline:{base64.b64encode(ours_to_it).decode()}\r\n"
    dialog = {"call-id": f"bench-{next(_unique)}", "from-tag": "browser", "ICE": "remove"}
    replaced = ["origin", "session-connection"]
    offered = ng.ask(
        "offer",
        {
            **dialog,
            "sdp": _sdp(browser(number).host, BROWSER_PORT, "RTP/SAVP", crypto),
            "transport-protocol": "RTP/AVP",
            "replace": replaced,
        },
    )
    answered = ng.ask(
        "answer",
        {**dialog, "to-tag": "phone", "sdp": _sdp(phone(number).host, PHONE_PORT, "RTP/AVP"), "replace": replaced},
    )
    key = _found(rf"a=crypto:1 {_SDES_NAMES[profile]} inline:([A-Za-z0-9+/=]+)", str(answered["sdp"]))
    its_to_us = base64.b64decode(key + "=" * (-len(key) % 4))
    to_browser, to_phone = (int(_found(r"m=audio (\d+) ", str(answer["sdp"]))) for answer in (answered, offered))
    keys = SrtpKeys(profile, receive=ours_to_it, send=its_to_us)
    return Call(browser(number), phone(number), to_browser, to_phone, keys)


def _sdp(host: str, port: int, protocol: str, attributes: str = "") -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} {protocol} 0\r\na=rtpmap:0 PCMU/8000\r\n{attributes}a=sendrecv\r\n"
    )


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"no {pattern} in {text}")
    return found[1]
