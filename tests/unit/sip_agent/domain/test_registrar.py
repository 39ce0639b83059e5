"""The registrar's rules."""

import pytest

from shared.errors import RemoteError
from shared.records import Binding
from sip_agent.core.domain.registrar import MAX_BINDINGS, ContactChange, IntervalTooBrief, Registration, live, register

NOW = 1000.0
DESK = "sip:bob@192.0.2.7:5070"


def ask(*contacts: ContactChange, call_id: str = "c", cseq: int = 1, remove_all: bool = False) -> Registration:
    return Registration(call_id, cseq, contacts, remove_all, received="udp:192.0.2.7:5070", agent="agent-1")


def bound(*bindings: Binding, contact: str = DESK, cseq: int = 1, expires: int = 300) -> tuple[Binding, ...]:
    return register(bindings, ask(ContactChange(contact, expires), cseq=cseq), 60, NOW)


def test_a_binding_keeps_where_it_came_from_and_when_it_ends() -> None:
    (binding,) = bound()
    assert (binding.contact, binding.expires_at, binding.received) == (DESK, 1300.0, "udp:192.0.2.7:5070")
    assert (binding.agent, binding.call_id, binding.cseq) == ("agent-1", "c", 1)


def test_a_refresh_replaces_and_another_contact_adds() -> None:
    first = bound()
    (refreshed,) = bound(*first, cseq=2, expires=600)
    assert refreshed.expires_at == 1600.0
    assert len(bound(refreshed, contact="sip:bob@192.0.2.8", cseq=3)) == 2


def test_the_same_uri_written_otherwise_is_the_same_contact() -> None:
    assert len(bound(*bound(), contact="sip:%62ob@192.0.2.7:5070", cseq=2)) == 1


def test_one_instance_has_one_contact_however_its_address_moves() -> None:
    change = ContactChange(DESK, 300, instance="<urn:uuid:1>")
    moved = ContactChange("sip:bob@192.0.2.99:1234", 300, instance="<urn:uuid:1>")
    old = register((), ask(change), 60, NOW)
    (binding,) = register(old, ask(moved, call_id="after reboot"), 60, NOW)
    assert binding.contact == moved.uri


def test_a_register_that_comes_late_changes_nothing() -> None:
    bindings = bound(cseq=5)
    with pytest.raises(RemoteError, match="500"):
        bound(*bindings, cseq=5)
    with pytest.raises(RemoteError, match="500"):
        register(bindings, ask(cseq=4, remove_all=True), 60, NOW)
    # Another Call-ID is a phone that started anew: its numbers say nothing about the old ones.
    assert register(bindings, ask(call_id="new", cseq=1, remove_all=True), 60, NOW) == ()


def test_zero_removes_one_and_star_removes_all() -> None:
    both = bound(*bound(), contact="sip:bob@192.0.2.8", cseq=2)
    (left,) = bound(*both, cseq=3, expires=0)
    assert left.contact == "sip:bob@192.0.2.8"
    assert register(both, ask(cseq=3, remove_all=True), 60, NOW) == ()


def test_too_short_an_interval_is_refused_with_the_least() -> None:
    with pytest.raises(IntervalTooBrief) as caught:
        bound(expires=59)
    assert (caught.value.status, caught.value.min_expires) == (423, 60)


def test_a_query_changes_nothing_and_what_expired_is_gone() -> None:
    bindings = bound()
    assert register(bindings, ask(), 60, NOW + 299) == bindings
    assert register(bindings, ask(), 60, NOW + 300) == () == live(bindings, NOW + 300)


def test_nobody_fills_the_table() -> None:
    bindings: tuple[Binding, ...] = ()
    for number in range(MAX_BINDINGS):
        bindings = bound(*bindings, contact=f"sip:bob@192.0.2.7:{6000 + number}", cseq=number + 1)
    with pytest.raises(RemoteError, match="403"):
        bound(*bindings, contact="sip:bob@192.0.2.7:7000", cseq=100)
