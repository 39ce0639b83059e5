"""The browser socket's receive buffer."""

import socket

import pytest
from structlog.testing import capture_logs

from media_relay import sockets


class SmallSocket(socket.socket):
    """A kernel that gives little, and nothing by force."""

    def setsockopt(self, level: int, option: int, value: int) -> None:  # type: ignore[override]
        if option == 33:
            raise PermissionError
        super().setsockopt(level, option, 4096)


def test_a_small_buffer_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets.socket, "socket", SmallSocket)
    with capture_logs() as logs:
        sockets.bind_browser_socket("127.0.0.1", 0).close()
    assert [log["log_level"] for log in logs] == ["warning"]


def test_ipv6_is_bound_by_an_ipv6_host() -> None:
    bound = sockets.bind_browser_socket("::1", 0)
    assert bound.family == socket.AF_INET6
    bound.close()


def test_any_address_of_both_families_is_bound_by_a_socket_each() -> None:
    both = sockets.bind_browser_sockets(("0.0.0.0", "::"), 0)
    assert [each.family for each in both] == [socket.AF_INET, socket.AF_INET6]
    assert len({each.getsockname()[1] for each in both}) == 1
    for each in both:
        each.close()
