"""What a MESSAGE says, in both directions (RFC 3428)."""

import pytest
from tests.support.sip_calls import make_identity

from shared.messages.instant import TEXT
from sip_agent.core.errors import SipError
from sip_agent.core.instant.message import MAX_BODY, InstantMessage, compose, read
from sip_agent.core.syntax.message import Request, Response


def message(content_type: str | None = "text/plain", body: bytes = b"Hello", **fields: str) -> Request:
    headers = [("From", '"Bob B" <sip:bob@example.com>;tag=b'), ("To", "<sip:alice@example.com>"), *fields.items()]
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    return Request("MESSAGE", "sip:alice@example.com", headers, body)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", b"Hello", "Hello"),
        (None, b"Hello", "Hello"),
        ("Text/Plain; charset=utf-8", "Grüße".encode(), "Grüße"),
        ('text/plain;charset="ISO-8859-1"', "Grüße".encode("latin-1"), "Grüße"),
        ("text/plain", b"\xff!", "\N{REPLACEMENT CHARACTER}!"),
        ("text/plain", b"", ""),
    ],
)
def test_text_is_read_in_its_charset_and_told_as_utf_8(content_type: str | None, body: bytes, text: str) -> None:
    expected = InstantMessage("sip:bob@example.com", "Bob B", text, "text/plain;charset=UTF-8")
    assert read(message(content_type, body)) == expected


def test_html_is_told_as_such() -> None:
    said = read(message("text/html", b"<b>Hello</b>"))
    assert isinstance(said, InstantMessage)
    assert said.content_type == "text/html;charset=UTF-8"


@pytest.mark.parametrize("content_type", ["message/cpim", "application/json", "text/plain;charset=ebcdic-cp-fr"])
def test_what_nobody_can_read_is_refused_with_what_can_be(content_type: str) -> None:
    response = read(message(content_type))
    assert isinstance(response, Response)
    assert (response.status, response.headers.get("Accept")) == (415, "text/plain, text/html")


def test_a_compressed_message_is_refused() -> None:
    response = read(message(**{"Content-Encoding": "gzip"}))
    assert isinstance(response, Response)
    assert (response.status, response.headers.get("Accept-Encoding")) == (415, "identity")


def test_that_somebody_is_typing_is_taken_and_dropped() -> None:
    response = read(message("application/im-iscomposing+xml", b"<isComposing/>"))
    assert isinstance(response, Response)
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, None), (MAX_BODY + 1, 413)])
def test_a_message_has_a_greatest_size(size: int, status: int | None) -> None:
    said = read(message(body=b"a" * size))
    assert (said.status if isinstance(said, Response) else None) == status


def test_a_content_type_that_breaks_the_grammar_is_the_senders_fault() -> None:
    with pytest.raises(SipError):
        read(message("text/plain;="))


def ours(body: str = "Hello", content_type: str = TEXT) -> Request:
    return compose(make_identity(), "sip:bob@example.com", "id", "tag", [("X-Ticket", "7")], body, content_type)


def test_a_message_of_ours_has_no_contact() -> None:
    request = ours("Grüße")
    assert (request.method, request.uri, request.body) == ("MESSAGE", "sip:bob@example.com", "Grüße".encode())
    assert request.headers.get("Content-Type") == "text/plain;charset=UTF-8"
    assert (request.from_.tag, request.to.tag, request.headers.get("X-Ticket")) == ("tag", None, "7")
    assert "Contact" not in request.headers


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("ü" * MAX_BODY, TEXT, 413),
        ("a", "text", 400),
        ("a", "", 400),
        ("a", "text/plain\r\nRoute: <sip:evil.example>", 400),
    ],
)
def test_what_a_page_may_not_send(body: str, content_type: str, status: int) -> None:
    with pytest.raises(SipError) as refused:
        ours(body, content_type)
    assert refused.value.status == status
