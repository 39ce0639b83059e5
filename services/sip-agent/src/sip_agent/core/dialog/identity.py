"""Who an account is in SIP: its address of record, its Contact, and what it can prove."""

from dataclasses import dataclass, replace

from sip_agent.core.auth.digest import DigestClient
from sip_agent.core.syntax.uri import NameAddr, SipUri, is_secure


@dataclass(frozen=True, slots=True)
class Identity:
    """`contact` is the URI that reaches this session alone (RFC 5627 has the same aim), `secure_contact` is by TLS."""

    address: NameAddr
    contact: str
    digest: DigestClient
    secure_contact: str = ""

    def within(self, request_uri: str) -> "Identity":
        """The same in a call to that URI: a sips: one wants a sips: Contact (RFC 3261 §8.1.1.8, RFC 5630 §5.1.1)."""
        return replace(self, contact=self.secure_contact) if is_secure(request_uri) else self

    @property
    def aor(self) -> str:
        """The address of record as others count it: no scheme, in lower case."""
        uri = self.address.sip_uri
        return f"{uri.user}@{uri.host}".lower()

    @property
    def domain(self) -> str:
        """The domain of the address of record."""
        return self.address.sip_uri.host

    def target(self, callee: str) -> str:
        """The URI that a user means by `callee`: a URI, `user@host`, or a user of the own domain."""
        if callee.lower().startswith(("sip:", "sips:")):
            return str(SipUri.parse(callee))
        if "@" in callee:
            return str(SipUri.parse(f"sip:{callee}"))
        return str(SipUri.parse(f"sip:{callee}@{self.domain}"))
