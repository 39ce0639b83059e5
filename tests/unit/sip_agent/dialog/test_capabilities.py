"""What is refused, and in which words."""

import pytest
from tests.support.sip_messages import make_request

from sip_agent.core.dialog.capabilities import capabilities, refusal


@pytest.mark.parametrize(
    ("method", "fields", "body", "status", "header"),
    [
        ("PUBLISH", [], b"", 405, "Allow"),
        ("INVITE", [("Require", "100rel, precondition")], b"", 420, "Unsupported"),
        ("INVITE", [("Content-Type", "text/plain")], b"x", 415, "Accept"),
        ("INVITE", [("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")], b"x", 415, "Accept-Encoding"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(
    method: str, fields: list[tuple[str, str]], body: bytes, status: int, header: str
) -> None:
    request = make_request(method)
    for name, value in fields:
        request.headers.add(name, value)
    request.body = body
    response = refusal(request, "tag")
    assert response is not None
    assert (response.status, header in response.headers, response.to.tag) == (status, True, "tag")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (["text/plain"], 406),
        ([""], 406),
        (["text/plain", "Application/SDP;level=1"], None),
        (["text/plain, application/*"], None),
        (["*/*;q=0.1"], None),
        ([], None),
    ],
)
def test_whoever_takes_no_sdp_gets_406(accept: list[str], status: int | None) -> None:
    request = make_request("INVITE")
    for value in accept:
        request.headers.add("Accept", value)
    response = refusal(request, "tag")
    assert (response.status if response else None) == status


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "OPTIONS", "UPDATE"])
def test_what_can_be_done_is_not_refused(method: str) -> None:
    request = make_request(method)
    request.headers.add("Content-Type", "Application/SDP;charset=utf-8")
    request.body = b"v=0"
    assert refusal(request) is None


def test_options_tells_what_is_understood() -> None:
    assert dict(capabilities("OPTIONS"))["Accept"].startswith("application/sdp, application/dtmf-relay")
    assert capabilities("INFO") == []
