"""Whom a certificate stands for in SIP (RFC 5922 §7)."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.uri import SipUri


def identities(certificate: Mapping[str, Any]) -> set[str]:
    """The domains of a certificate as `ssl` reads it (§7.1): those of SIP URIs, or where it has none, of DNS names.

    Addresses besides, for servers that are named by address; the RFC is silent on them. The common name is not looked
    at: that of a certificate without alternative names may, but need not be (§7.1).
    """
    alternatives = [(str(kind), str(value)) for kind, value in certificate.get("subjectAltName", ())]
    addresses = {_canonical(value) for kind, value in alternatives if kind == "IP Address"}
    domains = {domain for kind, value in alternatives if kind == "URI" and (domain := _domain(value)) is not None}
    if not domains:
        domains = {value.lower() for kind, value in alternatives if kind == "DNS"}
    return domains | addresses


def is_for(certificate: Mapping[str, Any], domain: str) -> bool:
    """Whether a certificate is one of `domain`: the whole name, in any case, and no wildcard (§7.2)."""
    return "*" not in domain and _canonical(domain.lower()) in identities(certificate)


def _domain(uri: str) -> str | None:
    """The domain of a SIP URI without user (§7.1: with a user it is no domain's certificate)."""
    try:
        parsed = SipUri.parse(uri)
    except SipError:
        return None
    return parsed.host.lower() if parsed.user is None else None


def _canonical(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host
