"""A real Kamailio as somebody else's SIP server: registrar and proxy, digest for all, with or without rtpengine."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .certificates import Issued
from .processes import Process, free_ports, program, running
from .rtpengine import Rtpengine, rtpengine

DOMAIN = "sip.test"
USERS = {"alice": "alice-pw", "bob": "bob-pw", "carol": "carol-pw", "dave": "dave-pw"}
_TLS = "[server:default]\nmethod = TLSv1.2+\ncertificate = {tls.certificate}\nprivate_key = {tls.key}\n"
_CONFIG = Path(__file__).parent / "kamailio" / "kamailio.cfg"


@dataclass(frozen=True)
class Kamailio:
    """A running one."""

    process: Process
    port: int
    users: Mapping[str, str]
    rtpengine: Rtpengine | None = None
    tls_port: int = 0
    host: str = "127.0.0.1"
    domain: str = DOMAIN


@contextlib.asynccontextmanager
async def kamailio(
    *, media: bool = True, sha256: bool = False, users: Mapping[str, str] = USERS, tls: Issued | None = None
) -> AsyncIterator[Kamailio]:
    """Run Kamailio while the block runs; with `media`, RTP goes through an rtpengine; `tls` adds a TLS port."""
    async with contextlib.AsyncExitStack() as stack:
        relay = await stack.enter_async_context(rtpengine()) if media else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cordboard-kamailio-")))
        port = free_ports(2)
        path = program("kamailio", "kamailio")
        config = folder / "kamailio.cfg"
        config.write_text(_config(port, folder, users, relay.port if relay else 0))
        if tls is not None:
            (folder / "tls.cfg").write_text(_TLS.format(tls=tls))
        command: list[str | Path] = [path, "-f", config, "-DD", "-E", "-m", "64", "-M", "8", "-Y", folder, "-w", folder]
        command += (
            ["-A", "WITH_RTPENGINE"] * media + ["-A", "WITH_SHA256"] * sha256 + ["-A", "WITH_TLS"] * (tls is not None)
        )
        process = await stack.enter_async_context(running("kamailio", command))
        await process.wait_for_tcp(port)
        yield Kamailio(process, port, dict(users), relay, port + 1 if tls else 0)


def _config(port: int, rundir: Path, users: Mapping[str, str], rtpengine_port: int) -> str:
    passwords = "\n".join(f'    $sht(passwords=>{user}) = "{password}";' for user, password in users.items())
    values = {
        "domain": DOMAIN,
        "port": port,
        "tls_port": port + 1,
        "rundir": rundir,
        "passwords": passwords,
        "rtpengine_port": rtpengine_port,
        "modules": _modules(),
    }
    text = _CONFIG.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _modules() -> str:
    found = next(Path("/usr").glob("lib*/**/kamailio/modules/tm.so"), None)
    assert found, "kamailio's modules are missing: apt-get install kamailio"
    return f"{found.parent}/"
