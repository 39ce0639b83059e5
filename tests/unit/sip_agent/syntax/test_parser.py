"""Bytes to messages: datagrams and streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sip_messages import make_answer, make_request

from sip_agent.core.syntax.message import Headers, Request, Response
from sip_agent.core.syntax.parser import KeepAlive, ParseError, StreamParser, is_keep_alive, parse

# After "a short tortuous INVITE" of RFC 4475 §3.1.1.1: folding, odd spacing, compact names, odd numbers.
TORTUOUS = (
    b"\r\nINVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    b"TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    b'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    b"MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 3\r\ncseq: 0009\r\n  INVITE\r\n"
    b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n"
    b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
    b"Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    b'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
    b"  secondparam ; q = 0.33\r\n\r\nv=0ignored"
)


def test_a_tortuous_request_is_read() -> None:
    request = parse(TORTUOUS)
    assert isinstance(request, Request)
    assert (request.method, request.cseq, request.max_forwards) == ("INVITE", (9, "INVITE"), 68)
    assert (request.to.tag, request.from_.tag) == ("1918181833n", "98asjd8")
    assert request.from_.display_name == 'J Rosenberg \\"'
    assert [via.host for via in request.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert [via.branch for via in request.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert request.contacts[0].param("q") == "0.33"
    assert request.routes[0].sip_uri.param("lr") == ""
    assert request.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert request.body == b"v=0"


def test_a_body_without_content_length_ends_with_the_datagram() -> None:
    data = make_request().to_bytes().replace(b"Content-Length: 0\r\n", b"") + b"body"
    assert parse(data).body == b"body"


def test_bytes_that_are_no_utf8_survive() -> None:
    data = make_request().to_bytes().replace(b"Call-ID", b"Subject: \xff\xfe\r\nCall-ID")
    assert parse(data).to_bytes() == data


def test_an_empty_reason_is_read() -> None:
    for line in (b"SIP/2.0 180 \r\n", b"SIP/2.0 180\r\n"):
        data = line + make_answer(make_request(), 180).to_bytes().split(b"\r\n", 1)[1]
        response = parse(data)
        assert isinstance(response, Response)
        assert (response.status, response.reason) == (180, "")


def change(old: bytes, new: bytes) -> bytes:
    data = make_request().to_bytes()
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (change(b"SIP/2.0\r\n", b"SIP/7.0\r\n"), 505),
        (change(b"Content-Length: 0", b"Content-Length: 9"), 400),
        (change(b"Content-Length: 0", b"Content-Length: -999"), 400),
        (change(b"Content-Length: 0", b"Content-Length: 0\r\nl: 0"), 400),
        (change(b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS"), 400),
        (change(b"CSeq: 1 INVITE", b"CSeq: 36893488147419103232 INVITE"), 400),
        (change(b"CSeq: 1 INVITE", b"CSeq: 1 INVITE\r\nCSeq: 2 INVITE"), 400),
        (change(b"Call-ID: call-1\r\n", b""), 400),
        (change(b"Call-ID: call-1", b"Call-ID call-1"), 400),
        (change(b"Call-ID: call-1", b"Call ID: 1\r\nCall-ID: call-1"), 400),
        (change(b"sip:bob@example.com SIP", b"<sip:bob@example.com> SIP"), 400),
        (change(b"sip:bob@example.com SIP", b"sip:bob@example.com; lr SIP"), 400),
        (change(b"sip:bob@example.com SIP", b" sip:bob@example.com SIP"), 400),
        (change(b" SIP/2.0\r\n", b" SIP/2.0 \r\n"), 400),
        (change(b"To: <sip:bob@example.com>", b'To: "Mr. J. User <sip:j.user@example.com>'), 400),
        (change(b"UDP 192.0.2.1:5060", b"UDP 192.0.2.15;;,;,,"), 400),
        (make_request().to_bytes()[:-2] + b"X: 1\r\n" * 256 + b"\r\n", 513),
    ],
)
def test_a_malformed_request_can_be_answered(data: bytes, status: int) -> None:
    with pytest.raises(ParseError) as raised:
        parse(data)
    assert raised.value.status == status
    assert raised.value.request is not None
    assert raised.value.request.headers.get("Via") is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"INVITE",
        b"\0\1\2\3",
        make_request().to_bytes()[:-2],
        make_request("ACK").to_bytes().replace(b"CSeq: 1", b"CSeq: x"),
        make_answer(make_request(), 200).to_bytes().replace(b"CSeq: 1", b"CSeq: x"),
        make_answer(make_request(), 200).to_bytes().replace(b" 200 ", b" 4294967301 "),
        make_answer(make_request(), 200).to_bytes().replace(b"SIP/2.0 200", b"SIP/7.0 200"),
        change(b"Via", b"X-Via"),
        change(b"Call-ID", b"Subject: a\nb\r\nCall-ID"),
        change(b"Call-ID", b"Subject: a\rb\r\nCall-ID"),
        change(b"INVITE ", b"INV(TE "),
        change(b"Call-ID", b"X: " + b"a" * 65536 + b"\r\nCall-ID"),
    ],
)
def test_what_cannot_be_answered_carries_no_request(data: bytes) -> None:
    with pytest.raises(ParseError) as raised:
        parse(data)
    assert raised.value.request is None


def test_keep_alives_are_told_apart_from_messages() -> None:
    assert all(is_keep_alive(data) for data in (b"", b"\r\n\r\n", b"\0\0\0\0", b" "))
    assert not is_keep_alive(TORTUOUS)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 100_000])
def test_a_stream_is_divided_wherever_it_is_cut(size: int) -> None:
    first, second, third = make_request("MESSAGE"), make_request("OPTIONS"), make_answer(make_request(), 200)
    first.body = b"\r\n\r\nSIP/2.0 200 OK\r\n\r\n"
    odd = second.to_bytes().replace(b"Content-Length: 0", b"l   :\t0000")
    stream = first.to_bytes() + b"\r\n\r\n" + odd + b"\r\n" + third.to_bytes()
    parser = StreamParser()
    received = [item for at in range(0, len(stream), size) for item in parser.feed(stream[at : at + size])]
    lines = [getattr(item, "start_line", item) for item in received]
    assert lines == [first.start_line, KeepAlive.PING, second.start_line, third.start_line]
    assert not parser.broken


def test_a_bad_message_in_a_stream_does_not_end_it() -> None:
    parser = StreamParser()
    bad = change(b"CSeq: 1", b"CSeq: x")
    error, message = parser.feed(bad + make_request("OPTIONS").to_bytes())
    assert isinstance(error, ParseError) and error.request is not None
    assert isinstance(message, Request) and not parser.broken


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (change(b"Content-Length: 0\r\n", b""), 400),
        (change(b"Content-Length: 0", b"Content-Length: 1048577"), 413),
        (change(b"Content-Length: 0", b"Content-Length: 99999999999999999999"), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (make_request().to_bytes()[:-2] + b"X: 1\r\n" * 256 + b"l: 0\r\n\r\n", 513),
        (b"x" * 65537, 513),
    ],
)
def test_a_stream_that_cannot_be_divided_is_broken(data: bytes, status: int) -> None:
    parser = StreamParser()
    received = parser.feed(data)
    assert [item.status for item in received if isinstance(item, ParseError)] == [status]
    assert parser.broken and parser.feed(make_request().to_bytes()) == []


ANSWER = make_answer(make_request(), 200).to_bytes()
tokens = st.text(alphabet="abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
values = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x85\u2028\u2029")).map(
    lambda text: text.strip(" \t")
)
MANDATORY = {"via", "from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type"}
extras = st.lists(
    st.tuples(tokens.filter(lambda name: Headers([(name, "")]).count("x") == 0), values).filter(
        lambda item: not any(key in Headers([item]) for key in MANDATORY)
    )
)


@given(method=tokens, extra=extras, body=st.binary(), is_response=st.booleans(), reason=values)
def test_what_is_printed_is_read_back(
    method: str, extra: list[tuple[str, str]], body: bytes, is_response: bool, reason: str
) -> None:
    request = make_request(method)
    message: Request | Response = Response(200, reason, request.headers) if is_response else request
    for name, value in extra:
        message.headers.add(name, value)
    message.headers.add("Content-Length", str(len(body)))
    message.body = body
    assert parse(message.to_bytes()) == message
    assert StreamParser().feed(message.to_bytes()) == [message]


@given(st.data())
def test_no_bytes_raise_anything_but_a_parse_error(data: st.DataObject) -> None:
    bytes_ = data.draw(st.sampled_from([TORTUOUS, make_request().to_bytes(), ANSWER]))
    for _ in range(data.draw(st.integers(0, 6))):
        at, length = data.draw(st.integers(0, len(bytes_))), data.draw(st.integers(0, 8))
        middle = data.draw(st.binary(max_size=6) | st.sampled_from([b"\r\n", b":", b",", b'"', b"<", b";", b"\0"]))
        bytes_ = bytes_[:at] + middle + bytes_[at + length :]
    try:
        message = parse(bytes_)
    except ParseError as error:
        assert 400 <= error.status < 600
    else:
        again = parse(message.to_bytes())
        assert (again.start_line, again.body) == (message.start_line, message.body)
    StreamParser().feed(bytes_)


def test_a_reason_phrase_in_another_encoding_is_made_readable() -> None:
    head = b"SIP/2.0 480 Nicht verf\xfcgbar\r\n"
    rest = b"Via: SIP/2.0/UDP h\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
    message = parse(head + rest)
    assert isinstance(message, Response) and message.reason == "Nicht verf\ufffdgbar"
