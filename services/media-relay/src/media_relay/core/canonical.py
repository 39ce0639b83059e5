"""Addresses of a plan in their canonical form: a host name would be looked up while sending."""

import ipaddress
from dataclasses import replace

from shared.errors import RemoteError

from .plan import Address, StreamPlan


def canonical_stream(stream: StreamPlan, ip_version: int) -> StreamPlan:
    """Return the stream with such addresses; raise `RemoteError` 488 for one that sockets of this version of IP cannot
    send to."""
    rtp, rtcp = _canonical(stream.sip_rtp, ip_version), _canonical(stream.sip_rtcp, ip_version)
    return replace(stream, sip_rtp=rtp, sip_rtcp=rtcp)


def _canonical(address: Address | None, ip_version: int) -> Address | None:
    if address is None:
        return None
    try:
        host = ipaddress.ip_address(address.host)
    except ValueError as error:
        raise RemoteError(488, f"Not An IP Address: {address.host}") from error
    if host.version != ip_version:
        raise RemoteError(488, f"IPv{host.version} Is Not Available Here")
    return Address(host.compressed, address.port)
