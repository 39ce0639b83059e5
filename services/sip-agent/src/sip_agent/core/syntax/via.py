"""The Via header field (RFC 3261 §20.42), with the rport parameter of RFC 3581."""

import re

import msgspec

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import (
    TOKEN_CHARACTERS,
    Params,
    find_param,
    parse_params,
    print_params,
)
from sip_agent.core.syntax.uri import host_and_port, read_host

_VIA = re.compile(
    rf"(?i:SIP)[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*(?P<transport>[{TOKEN_CHARACTERS}]+)[ \t]+"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-_.]+)[ \t]*(?::[ \t]*(?P<port>[0-9]{1,5})[ \t]*)?(?P<params>(?:;.*)?)",
    re.DOTALL,
)
# §8.1.1.7: a branch that starts so is unique, and identifies the transaction by itself.
MAGIC_COOKIE = "z9hG4bK"


class Via(msgspec.Struct, frozen=True):
    """One hop of the way back. `host` is without the brackets of an IPv6 reference; the transport is in upper case."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one element of a Via field."""
        found = _VIA.fullmatch(text)
        if found is None:
            raise SipError(400, "Bad Via")
        transport, host, port, params = found.groups()
        number = None if port is None else int(port)
        if number is not None and number > 65535:
            raise SipError(400, "Bad Via")
        return cls(
            transport.upper(),
            read_host(host, "Via"),
            number,
            parse_params(params, "Via") if params else (),
        )

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{print_params(self.params)}"

    @property
    def sent_by(self) -> str:
        """Host and port as they stand in the field."""
        return host_and_port(self.host, self.port)

    @property
    def branch(self) -> str | None:
        """The branch parameter."""
        return find_param(self.params, "branch")

    @property
    def received(self) -> str | None:
        """The address the request really came from; some write an IPv6 one in brackets (RFC 5118 §4.5)."""
        value = find_param(self.params, "received")
        return value[1:-1] if value and value[0] == "[" and value[-1] == "]" else value

    @property
    def rport(self) -> int | None:
        """The port the request really came from; None when it is not told, see `wants_rport`."""
        value = find_param(self.params, "rport")
        return int(value) if value and value.isascii() and value.isdigit() and len(value) <= 5 else None

    @property
    def wants_rport(self) -> bool:
        """Whether the sender asks for answers to the port it sent from (RFC 3581 §4)."""
        return find_param(self.params, "rport") is not None

    @property
    def seen_at(self) -> tuple[str, int] | None:
        """Where the next hop saw us (RFC 3581 §4), None if that is what we said: then no NAT is between us.

        The port of a connection is never that of sent-by (RFC 3261 §18.1.1), so it alone shows no NAT.
        """
        port = self.port or 5060
        seen = self.received or self.host, self.rport or port
        is_same = seen[0] == self.host and (seen[1] == port or self.transport != "UDP")
        return None if is_same else seen

    def with_param(self, name: str, value: str | None) -> "Via":
        """This Via with one parameter set."""
        if find_param(self.params, name) is None:
            params = (*self.params, (name, value))
        else:
            params = tuple([(key, value if key.lower() == name else old) for key, old in self.params])
        return Via(self.transport, self.host, self.port, params)
