"""The addresses that a relay finds on its host."""

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media_relay import addresses
from shared.errors import LocalError


class Probe:
    """A socket that would be routed from `source`, or nowhere."""

    def __init__(self, source: str | None) -> None:
        self._source = source

    def __call__(self, *_: object) -> "Probe":
        return self

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def connect(self, _: object) -> None:
        if self._source is None:
            raise OSError("no route")

    def getsockname(self) -> tuple[str | None, int]:
        return self._source, 0


def route(monkeypatch: pytest.MonkeyPatch, source: str | None) -> None:
    monkeypatch.setattr(socket, "socket", Probe(source))


def test_what_is_bound_is_told_where_settings_say_nothing_else() -> None:
    assert addresses.browser_addresses((), ("192.0.2.1", "2001:db8::1")) == ("192.0.2.1", "2001:db8::1")
    assert addresses.browser_addresses(("203.0.113.1",), ("192.0.2.1",)) == ("203.0.113.1",)


def test_each_family_that_is_bound_whole_has_its_default_route_and_then_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routes = {socket.AF_INET: "192.0.2.7", socket.AF_INET6: None}
    monkeypatch.setattr(addresses, "default_route_address", routes.get)
    assert addresses.browser_addresses((), ("0.0.0.0", "::")) == ("192.0.2.7", "127.0.0.1", "::1")
    routes[socket.AF_INET6] = "2001:db8::7"
    assert addresses.browser_addresses((), ("::",)) == ("2001:db8::7", "::1")
    found = addresses.browser_addresses((), ("192.0.2.1", "::"))
    assert found == ("192.0.2.1", "2001:db8::7", "::1")


def test_the_address_for_sip_peers_is_what_a_name_leads_to() -> None:
    assert addresses.sip_address("2001:DB8:0::1") == "2001:db8::1"
    assert addresses.sip_address("localhost") in ("127.0.0.1", "::1")
    with pytest.raises(LocalError, match="CORDBOARD_RELAY_SIP_ADDRESS"):
        addresses.sip_address("relay..example.com")


def test_what_settings_say_is_taken_as_it_is() -> None:
    assert addresses.browser_addresses(("203.0.113.1",)) == ("203.0.113.1",)
    assert addresses.sip_address("203.0.113.1") == "203.0.113.1"


def test_a_name_is_what_it_leads_to() -> None:
    assert addresses.browser_addresses(("localhost", "127.0.0.1", "203.0.113.1"))[-2:] == ("127.0.0.1", "203.0.113.1")
    with pytest.raises(LocalError, match="CORDBOARD_RELAY_ADDRESSES"):
        addresses.browser_addresses(("relay..example.com",))


def test_browsers_get_the_default_routes_address_then_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    route(monkeypatch, "192.0.2.7")
    assert addresses.browser_addresses(()) == ("192.0.2.7", "127.0.0.1")
    assert addresses.sip_address("") == "192.0.2.7"


@pytest.mark.parametrize("source", [None, "127.0.0.1"])
def test_a_host_without_a_default_route_has_loopback(monkeypatch: pytest.MonkeyPatch, source: str | None) -> None:
    route(monkeypatch, source)
    assert addresses.browser_addresses(()) == ("127.0.0.1",)
    assert addresses.sip_address("") == "127.0.0.1"


@pytest.mark.parametrize(
    ("low", "high", "overlaps"),
    [(30000, 31999, False), (30000, 32768, True), (60000, 61000, True), (61000, 62000, False), (1, 65535, True)],
)
def test_an_overlap_with_the_ephemeral_ports_is_noticed(tmp_path: Path, low: int, high: int, overlaps: bool) -> None:
    ephemeral = tmp_path / "ip_local_port_range"
    ephemeral.write_text("32768\t60999\n")
    reserved = tmp_path / "ip_local_reserved_ports"
    reserved.write_text("\n")
    assert addresses.warn_of_overlap(low, high, ephemeral, reserved) is overlaps


@pytest.mark.parametrize(
    ("kept", "overlaps"), [("40000-40999", False), ("8080,40000-40100,40101-41500", False), ("40000-40500", True)]
)
def test_ports_that_are_reserved_are_nobody_elses(tmp_path: Path, kept: str, overlaps: bool) -> None:
    ephemeral, reserved = tmp_path / "ip_local_port_range", tmp_path / "ip_local_reserved_ports"
    ephemeral.write_text("32768\t60999\n")
    reserved.write_text(f"{kept}\n")
    assert addresses.warn_of_overlap(40000, 40999, ephemeral, reserved) is overlaps


@pytest.mark.parametrize(
    ("low", "high", "in_kubernetes", "warned"),
    [(30000, 31999, True, True), (32767, 33000, True, True), (20000, 29999, True, False), (30000, 31999, False, False)],
)
def test_ports_that_a_service_of_kubernetes_may_take_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, low: int, high: int, in_kubernetes: bool, warned: bool
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if in_kubernetes:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with capture_logs() as logs:
        addresses.warn_of_overlap(low, high, tmp_path / "missing")
    assert ["NodePorts" in entry["event"] for entry in logs] == [True] * warned


def test_a_host_that_does_not_say_its_ephemeral_ports_gets_no_warning(tmp_path: Path) -> None:
    assert addresses.warn_of_overlap(1, 65535, tmp_path / "missing") is False
