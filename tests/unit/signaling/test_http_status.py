"""What SIP says, in HTTP's numbers."""

from http import HTTPStatus

import pytest

from signaling.core.http_status import http_status


@pytest.mark.parametrize(
    ("sip", "http"), [(400, 400), (403, 403), (404, 404), (481, 404), (491, 409), (486, 409), (503, 503), (504, 504)]
)
def test_what_has_a_like_is_told_by_it(sip: int, http: int) -> None:
    assert http_status(sip) == http


@pytest.mark.parametrize("sip", [302, 420, 407, 603])
def test_what_only_a_sip_server_says_is_its_doing(sip: int) -> None:
    assert http_status(sip) == HTTPStatus.BAD_GATEWAY


@pytest.mark.parametrize("sip", range(300, 700))
def test_every_status_has_one_that_tells_of_an_error(sip: int) -> None:
    assert HTTPStatus(http_status(sip)) >= HTTPStatus.BAD_REQUEST
