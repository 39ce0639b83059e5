"""What a reply of the web server means, and what it is signed with."""

import hashlib
import hmac

import pytest

from signaling.core.hooks.posts import Outcome, read_reply
from signaling.core.hooks.signature import signature
from signaling.core.wcs.hooks import authorization


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", Outcome.ALLOWED),
        (204, b" \n", Outcome.ALLOWED),
        (200, b'{"sipLogin":"bob"}', Outcome.ALLOWED),
        (200, b"OK", Outcome.FAILED),
        (200, b"[1]", Outcome.FAILED),
        (200, b"[" * 100_000, Outcome.FAILED),
        (403, b"", Outcome.REFUSED),
        (404, b"<html>", Outcome.REFUSED),
        (429, b"", Outcome.FAILED),
        (302, b"", Outcome.FAILED),
        (500, b"{}", Outcome.FAILED),
        (503, b"", Outcome.FAILED),
    ],
)
def test_the_status_decides_and_what_cannot_be_read_is_no_word(status: int, body: bytes, outcome: Outcome) -> None:
    assert read_reply(status, body).outcome is outcome


def test_the_fields_of_a_reply_that_allows_are_kept() -> None:
    assert read_reply(200, b'{"sipLogin":"bob","x":[1]}').fields == {"sipLogin": "bob", "x": [1]}
    assert read_reply(403, b'{"sipLogin":"bob"}').fields == {}


def test_the_signature_is_of_the_time_and_the_body() -> None:
    body = b'{"a":1}'
    mac = hmac.new(b"a secret of ours", b"1793370000." + body, hashlib.sha256).hexdigest()
    assert signature("a secret of ours", body, 1793370000) == f"t=1793370000,v1={mac}"
    assert signature("a secret of ours", body, 1793370001) != signature("a secret of ours", body, 1793370000)


def test_the_form_of_wcs_is_the_md5_of_the_body_alone() -> None:
    # RFC 2202 §2, test case 2
    assert authorization("Jefe", b"what do ya want for nothing?") == "WCS 750c783e6ab0b503eaa86e310a5db738"
