"""Where phones of the built-in domain have registered from, as others than the domain itself ask for it."""

from shared.kv import Bucket
from shared.records import LocationRecord
from sip_agent.core.domain.registrar import live
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow
from sip_agent.core.syntax.uri import SipUri


def received_flow(received: str) -> Flow:
    """Read the `transport:host:port` that a binding holds."""
    transport, _, address = received.partition(":")
    host, _, port = address.rpartition(":")
    match transport:
        case "tcp" | "tls":
            return Flow(transport, host, int(port))
    return Flow("udp", host, int(port))


def aor_of(uri: SipUri) -> str:
    """Return the address of record that a URI names (RFC 3261 §10.3 step 5): no parameters, the host in lower case."""
    return f"{uri.name}@{uri.host.lower()}"


async def registered_flows(locations: Bucket[LocationRecord], domain: str, uri: str, now: float) -> list[Flow]:
    """Return where the phones of an address of the domain sent their REGISTER from; none for other addresses."""
    try:
        address = SipUri.parse(uri)
    except SipError:
        return []
    if address.host.lower() != domain.lower():
        return []
    entry = await locations.get(aor_of(address))
    bindings = live(entry.record.bindings, now) if entry is not None else ()
    return [received_flow(binding.received) for binding in bindings if binding.received]
