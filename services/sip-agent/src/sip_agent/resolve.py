"""Where a SIP URI is (RFC 3263, without NAPTR and SRV so far): an address literal, or the A record of its host."""

import asyncio
import ipaddress
import socket

from shared.errors import RemoteError
from sip_agent.core.events import Flow
from sip_agent.core.syntax.uri import SipUri

DEFAULT_PORT = 5060
ANSWER_WITHIN = 4.0  # a peer may name a host whose servers never answer, and a session's mailbox waits


async def resolve(uri: SipUri, transport: str = "") -> Flow:
    """Return the flow to the host of `uri`; its own transport parameter counts before `transport`."""
    kind = uri.transport or transport or "udp"
    if uri.scheme == "sips" or kind == "tls":
        raise RemoteError(501, "Transport TLS Is Not Supported Yet")
    if kind not in ("udp", "tcp"):
        raise RemoteError(501, f"Transport {kind.upper()} Is Not Supported")
    host = await _address(uri.param("maddr") or uri.host)
    return Flow("tcp" if kind == "tcp" else "udp", host, uri.port or DEFAULT_PORT)


async def _address(host: str) -> str:
    if _is_literal(host):
        return host
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        # RFC 3263 §4: a name without an address is a destination that cannot be reached. UnicodeError: no name at
        # all, such as "a..b".
        raise RemoteError(503, f"No Address For {host}") from error
    return str(found[0][4][0])


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def own_address() -> str:
    """Return the source address of the default route, or loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel only chooses a route
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
