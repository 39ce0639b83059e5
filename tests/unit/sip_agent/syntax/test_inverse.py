"""Parse and print are inverse: for URIs, addresses, Vias, challenges and whole messages that a grammar makes up."""

from hypothesis import given
from hypothesis import strategies as st

from sip_agent.core.auth.digest import Challenge, parse_credentials
from sip_agent.core.syntax.grammar import Params, quote, split_list
from sip_agent.core.syntax.headers import COMPACT, Headers
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.parser import parse
from sip_agent.core.syntax.uri import NameAddr, SipUri, parse_uri
from sip_agent.core.syntax.via import Via

TOKEN = "abcXYZ019-.!%*_+`'~"
tokens = st.text(TOKEN, min_size=1, max_size=8)
escaped = st.integers(0, 255).map("%{:02X}".format)


def written(alphabet: str, least: int = 1) -> st.SearchStrategy[str]:
    """Text of RFC 3261 §25.1, some of it escaped."""
    return st.lists(st.sampled_from(alphabet) | escaped, min_size=least, max_size=8).map("".join)


UNRESERVED = "aZ9-_.!~*'()"
ipv6 = st.ip_addresses(v=6).map(str)
hosts = st.sampled_from(["example.com", "a", "x-1.example.net.", "192.0.2.1", "my_host"]) | ipv6
ports = st.none() | st.integers(0, 65535)
uri_params = st.lists(
    st.tuples(written(UNRESERVED + "[]/:&+$"), st.none() | written(UNRESERVED + "[]/:&+$")), max_size=3
).map(tuple)
uri_headers = st.lists(st.tuples(written(UNRESERVED + "[]/+$"), st.none() | written(UNRESERVED, 0)), max_size=2).map(
    tuple
)
users = st.none() | written(UNRESERVED + "&=+$,;?/")


@st.composite
def uris(draw: st.DrawFn) -> SipUri:
    user = draw(users)
    password = None if user is None else draw(st.none() | written(UNRESERVED + "&=+$,"))
    scheme = draw(st.sampled_from(["sip", "sips"]))
    return SipUri(scheme, user, draw(hosts), draw(ports), draw(uri_params), draw(uri_headers), password)


@given(uris())
def test_a_uri_is_read_as_it_was_printed(uri: SipUri) -> None:
    assert SipUri.parse(str(uri)) == parse_uri(str(uri)) == uri
    assert str(SipUri.parse(str(uri))) == str(uri)
    assert uri.matches(SipUri.parse(str(uri)))


plain_values = st.text(TOKEN + "@:/[]()?{}|^=&$#", min_size=1, max_size=8)
quoted_values = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8).map(quote)
params = st.lists(st.tuples(tokens, st.none() | plain_values | quoted_values), max_size=3).map(tuple)
names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=12)
others = st.sampled_from(["tel:+1-201-555-0123;phone-context=example.com", "urn:service:sos", "mailto:a@b"])


@given(names, uris() | others.map(parse_uri), params)
def test_an_address_is_read_as_it_was_printed(name: str, uri: SipUri, some: Params) -> None:
    address = NameAddr(name, uri, some)
    assert NameAddr.parse(str(address)) == address


@given(st.lists(st.builds(NameAddr, names, uris(), params), min_size=1, max_size=3))
def test_a_list_of_addresses_is_divided_where_it_was_joined(addresses: list[NameAddr]) -> None:
    line = ", ".join(str(address) for address in addresses)
    assert [NameAddr.parse(part) for part in split_list(line, "Contact")] == addresses


@given(tokens.map(str.upper), hosts, ports, params)
def test_a_via_is_read_as_it_was_printed(transport: str, host: str, port: int | None, some: Params) -> None:
    via = Via(transport, host, port, some)
    assert Via.parse(str(via)) == via


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=10)


@given(texts, texts, st.none() | texts, st.booleans(), st.lists(st.sampled_from(["auth", "auth-int"]), max_size=2))
def test_challenges_on_one_line_are_told_apart(
    realm: str, nonce: str, opaque: str | None, stale: bool, qop: list[str]
) -> None:
    fields = [f"realm={quote(realm)}", f"nonce = {quote(nonce)}", f"stale={stale}"]
    fields += [f"opaque={quote(opaque)}"] if opaque is not None else []
    fields += [f'qop="{",".join(qop)}"'] if qop else []
    challenge = Challenge("Digest", realm, nonce, "MD5", tuple(qop), opaque, stale)
    line = "Digest " + ", ".join(fields)
    assert Challenge.parse_all([f"{line}, {line}", line]) == [challenge] * 3


@given(st.dictionaries(tokens.map(str.lower), texts, min_size=1, max_size=4))
def test_credentials_are_read_as_they_were_written(fields: dict[str, str]) -> None:
    line = "Digest " + ", ".join(f"{name}={quote(value)}" for name, value in fields.items())
    assert parse_credentials(line) == fields


@given(st.sampled_from(sorted(COMPACT)), st.booleans())
def test_every_compact_form_is_its_long_name(letter: str, is_upper: bool) -> None:
    headers = Headers([(letter.upper() if is_upper else letter, "value")])
    assert headers.lines(COMPACT[letter]) == headers.lines(COMPACT[letter].title()) == ["value"]


@given(st.builds(NameAddr, names, uris(), st.just(())), uris(), names, st.binary(max_size=40))
def test_a_message_is_read_as_it_was_printed(address: NameAddr, uri: SipUri, text: str, body: bytes) -> None:
    items = [
        ("v", "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1"),
        ("f", str(address.with_tag("1"))),
        ("To", str(address)),
        ("i", "c"),
        ("CSeq", "1 MESSAGE"),
        ("Subject", text.strip(" \t")),
        ("l", str(len(body))),
    ]
    request = Request("MESSAGE", str(uri), items, body)
    read = parse(request.to_bytes())
    assert read == request
    assert (read.from_, read.to, read.headers.get("subject")) == (address.with_tag("1"), address, text.strip(" \t"))
