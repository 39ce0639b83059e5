"""SIP URIs (RFC 3261 §19.1) and the addresses of header fields such as From and Contact (§20.10).

Text is kept as written, escapes included, so that what is parsed and printed again compares equal at the peer.
"""

import functools
import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address
from typing import TypeAlias

import msgspec

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import (
    LWS,
    Params,
    find_param,
    parse_params,
    print_params,
    quote,
    unquote,
    without_params,
)

_ESCAPED = "%[0-9A-Fa-f]{2}"
_USER = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]++|{_ESCAPED})++"
_PASSWORD = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,]++|{_ESCAPED})*+"
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-_.]+"
# No "@" (§25.1 neither): before it, all would be the user of a URI that has none.
_URI_PARAMS = rf"(?:;(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$=]++|{_ESCAPED})++)*+"
_SIP_URI = re.compile(
    rf"(?P<scheme>sips?):(?:(?P<user>{_USER})(?::(?P<password>{_PASSWORD}))?@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?P<params>{_URI_PARAMS})"
    r"(?:\?(?P<headers>[^\x00-\x20\x7f<>\"?]+))?",
    re.IGNORECASE,
)
_OTHER_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):([^\x00-\x20\x7f<>\"]+)")
_NAME_ADDR = re.compile(
    r"(?:(?P<quoted>\"(?:[^\"\\]|\\.)*+\")[ \t]*|(?P<tokens>[^\x00-\x08\x0a-\x1f\"(),/:;<=>?@\[\\\]{}]*))"
    r"<(?P<uri>[^<>]*)>[ \t]*(?P<params>(?:;.*)?)",
    re.DOTALL,
)
_UNRESERVED = re.compile(r"[A-Za-z0-9\-_.!~*'()]")
_HEX_PAIR = re.compile(_ESCAPED)
_THREE_COLONS = re.compile(r":::(?=[0-9]+\.)")
# §19.1.4: these decide where or how a request goes, so one URI having it and the other not is a difference.
_NEVER_IGNORED = ("user", "ttl", "method", "maddr", "transport")


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip: or sips: URI. `host` is without the brackets of an IPv6 reference; the scheme is in lower case."""

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Params = ()
    headers: Params = ()
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """Read a URI; 416 when it is of another scheme, 400 when it is none."""
        return _read_sip_uri(text) if len(text) > _KEPT_LENGTH else _kept_sip_uri(text)

    @classmethod
    def _read(cls, text: str) -> "SipUri":
        found = _SIP_URI.fullmatch(text)
        if found is None:
            if _OTHER_URI.fullmatch(text) and not text[:5].lower().startswith(("sip:", "sips:")):
                raise SipError(416, "Unsupported URI Scheme")
            raise SipError(400, "Bad URI")
        scheme, user, password, host, port, params, headers = found.groups()
        number = None if port is None else int(port)
        if number is not None and number > 65535:
            raise SipError(400, "Bad URI")
        return cls(
            scheme.lower(),
            user,
            read_host(host, "URI"),
            number,
            _split_pairs(params[1:], ";") if params else (),
            _split_pairs(headers, "&") if headers else (),
            password,
        )

    def __str__(self) -> str:
        text = f"{self.scheme}:"
        if self.user is not None:
            text += self.user if self.password is None else f"{self.user}:{self.password}"
            text += "@"
        text += host_and_port(self.host, self.port) + print_params(self.params)
        if self.headers:
            text += "?" + "&".join([name if value is None else f"{name}={value}" for name, value in self.headers])
        return text

    def param(self, name: str) -> str | None:
        """The value of a parameter; "" when it stands without one."""
        return find_param(self.params, name.lower())

    def with_params(self, **params: str | None) -> "SipUri":
        """This URI with each of `params` set; None is a parameter without a value."""
        return replace(self, params=(*without_params(self.params, params), *params.items()))

    def without_params(self, *names: str) -> "SipUri":
        """This URI without the named parameters."""
        return replace(self, params=without_params(self.params, names))

    @property
    def name(self) -> str:
        """The user, with what is escaped without need unescaped: whoever looks a user up compares by this (§19.1.4)."""
        return _unescaped(self.user) or ""

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.param("transport")
        return None if value is None else value.lower()

    def matches(self, other: "SipUri | OtherUri") -> bool:
        """Whether both name the same resource (§19.1.4)."""
        if not isinstance(other, SipUri):
            return False
        return (
            (self.scheme, _comparable(self.host), self.port) == (other.scheme, _comparable(other.host), other.port)
            and _unescaped(self.user) == _unescaped(other.user)
            and _unescaped(self.password) == _unescaped(other.password)
            and _params_match(_folded(self.params), _folded(other.params))
            and _folded(self.headers) == _folded(other.headers)
        )


@dataclass(frozen=True, slots=True)
class OtherUri:
    """A URI of another scheme (tel:, urn:, http:), carried and compared as text."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"

    def matches(self, other: "Uri") -> bool:
        """Whether both are the same text."""
        return isinstance(other, OtherUri) and str(self).lower() == str(other).lower()


Uri: TypeAlias = SipUri | OtherUri


def parse_uri(text: str) -> Uri:
    """Read a URI of any scheme."""
    if text[:5].lower().startswith(("sip:", "sips:")):
        return SipUri.parse(text)
    found = _OTHER_URI.fullmatch(text)
    if found is None:
        raise SipError(400, "Bad URI")
    return OtherUri(found[1].lower(), found[2])


def is_secure(uri: str) -> bool:
    """Whether this is a sips: URI, which asks for TLS on every hop (§26.2.2, RFC 5630 §3.1)."""
    return uri[:5].lower() == "sips:"


class NameAddr(msgspec.Struct, frozen=True):
    """An address with its display name and header parameters. `display_name` is plain text, without quotes."""

    display_name: str
    uri: Uri
    params: Params = ()

    @classmethod
    def parse(cls, text: str, what: str = "Address") -> "NameAddr":
        """Read a name-addr or addr-spec with parameters; `what` names the header field in the error."""
        return _read_name_addr(text, what) if len(text) > _KEPT_LENGTH else _kept_name_addr(text, what)

    @classmethod
    def _read(cls, text: str, what: str) -> "NameAddr":
        text = text.strip(LWS)
        found = _NAME_ADDR.fullmatch(text)
        if found is not None:
            quoted, tokens, uri, params = found.groups()
            name = unquote(quoted) if quoted is not None else tokens.strip(LWS)
            return cls(name, parse_uri(uri), parse_params(params, what) if params else ())
        # §20.10: without angle brackets every ";" starts a header parameter and the URI holds no "?" or ",".
        uri, semicolon, params = text.partition(";")
        uri = uri.rstrip(LWS)
        if "?" in uri or "," in uri or "<" in text:
            raise SipError(400, f"Bad {what}")
        return cls("", parse_uri(uri), parse_params(semicolon + params, what) if semicolon else ())

    def __str__(self) -> str:
        name = quote(self.display_name) + " " if self.display_name else ""
        return f"{name}<{self.uri}>{print_params(self.params)}"

    @property
    def sip_uri(self) -> SipUri:
        """The URI where only sip: and sips: will do; 416 for another scheme."""
        if not isinstance(self.uri, SipUri):
            raise SipError(416, "Unsupported URI Scheme")
        return self.uri

    @property
    def tag(self) -> str | None:
        """The tag of From or To."""
        return find_param(self.params, "tag")

    def param(self, name: str) -> str | None:
        """The value of a header parameter as written; "" when it stands without one."""
        return find_param(self.params, name.lower())

    def with_tag(self, tag: str | None) -> "NameAddr":
        """This address with another tag, or without one."""
        params = without_params(self.params, ("tag",))
        return NameAddr(self.display_name, self.uri, params if tag is None else (*params, ("tag", tag)))


# The same From, To and Contact come with every message of a call, the same Request-URI with every call of a user.
# What a peer may make us keep is bounded by number and length.
_KEPT, _KEPT_LENGTH = 4096, 256
_read_sip_uri, _read_name_addr = SipUri._read, NameAddr._read
_kept_sip_uri = functools.lru_cache(_KEPT)(_read_sip_uri)
_kept_name_addr = functools.lru_cache(_KEPT)(_read_name_addr)


def host_and_port(host: str, port: int | None) -> str:
    """`host:port` as it stands in URIs and Via."""
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


def read_host(written: str, what: str) -> str:
    """A host as URIs and Via write it, without the brackets of an IPv6 reference; `what` is named in the error."""
    if written[0] != "[":
        return written
    _ipv6(written[1:-1], what)
    return written[1:-1]


def _ipv6(text: str, what: str) -> IPv6Address:
    try:
        # The grammar of RFC 3261 makes three colons before an IPv4 address; RFC 5118 §4.10: to be understood as two.
        return IPv6Address(_THREE_COLONS.sub("::", text))
    except AddressValueError:
        raise SipError(400, f"Bad {what}") from None


def _comparable(host: str) -> str:
    """Equal for equal hosts: IPv6 addresses can be written in several ways (RFC 5954 §4.2)."""
    return str(_ipv6(host, "URI")) if ":" in host else host.lower()


def _split_pairs(text: str, separator: str) -> Params:
    pairs: list[tuple[str, str | None]] = []
    for part in text.split(separator):
        name, equals, value = part.partition("=")
        if not name:
            raise SipError(400, "Bad URI")
        pairs.append((name, value if equals else None))
    return tuple(pairs)


def _unescaped(text: str | None) -> str | None:
    """Escapes of characters that need none undone, the others in one case: equal URIs become equal text."""
    if text is None or "%" not in text:
        return text

    def canonical(found: re.Match[str]) -> str:
        character = chr(int(found[0][1:], 16))
        return character if _UNRESERVED.fullmatch(character) else found[0].upper()

    return _HEX_PAIR.sub(canonical, text)


def _folded(params: Params) -> dict[str, str]:
    return {(_unescaped(name) or "").lower(): (_unescaped(value) or "").lower() for name, value in params}


def _params_match(ours: dict[str, str], theirs: dict[str, str]) -> bool:
    shared = ours.keys() & theirs.keys()
    return all(ours[name] == theirs[name] for name in shared) and not any(
        (name in ours) != (name in theirs) for name in _NEVER_IGNORED
    )
