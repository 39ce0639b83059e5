"""The ICE-lite agent: addresses, nomination, consent."""

import itertools

from aioice import stun as codec
from tests.support.webrtc_client import binding_request

from media_relay.core import ice
from media_relay.core.ice import (
    AddressExpired,
    AddressSelected,
    AddressValidated,
    IceFailed,
    IceLite,
    IceOutput,
    IceState,
    SendStun,
)
from media_relay.core.packet.stun import parse_binding_request
from media_relay.core.plan import BrowserPath, IceCredentials

LOCAL = IceCredentials("relayfrag", "the password of the relay")
A, B = BrowserPath("192.0.2.1", 50000), BrowserPath("198.51.100.1", 50001)


def check(
    agent: IceLite,
    source: BrowserPath,
    now: float,
    *,
    nominate: bool = False,
    pwd: str = LOCAL.pwd,
    controlling: bool = True,
) -> list[IceOutput]:
    datagram = binding_request(LOCAL.ufrag, pwd, use_candidate=nominate, controlling=controlling)
    request = parse_binding_request(datagram)
    assert request is not None
    agent.receive(request, source, now)
    return agent.take_output()


def without_stun(outputs: list[IceOutput]) -> list[IceOutput]:
    return [output for output in outputs if not isinstance(output, SendStun)]


def test_the_first_valid_check_validates_selects_and_is_answered_before_any_nomination() -> None:
    agent = IceLite(LOCAL)
    validated, selected, answer = check(agent, A, 0.0)
    assert (validated, selected) == (AddressValidated(A), AddressSelected(A))
    assert isinstance(answer, SendStun)
    assert answer.destination == A
    assert agent.state is IceState.CONNECTED


def test_a_check_with_a_wrong_password_changes_and_says_nothing() -> None:
    agent = IceLite(LOCAL)
    assert check(agent, A, 0.0, pwd="wrong") == []
    assert agent.state is IceState.NEW


def test_the_latest_nominated_address_is_selected() -> None:
    agent = IceLite(LOCAL)
    check(agent, A, 0.0)
    assert without_stun(check(agent, B, 0.1)) == [AddressValidated(B)]
    assert without_stun(check(agent, B, 0.2, nominate=True)) == [AddressSelected(B)]
    assert without_stun(check(agent, B, 0.3, nominate=True)) == []
    assert without_stun(check(agent, A, 0.4, nominate=True)) == [AddressSelected(A)]


def test_an_address_that_alone_is_checked_takes_the_place_of_the_selected_one() -> None:
    """As Firefox does behind a NAT that has forgotten it: the pair is the same, and is not nominated again."""
    agent = IceLite(LOCAL)
    check(agent, A, 0.0, nominate=True)
    check(agent, A, 5.0)
    assert without_stun(check(agent, B, 10.0)) == [AddressValidated(B)]
    assert without_stun(check(agent, B, 10.2)) == []  # the same once more, in a burst
    assert without_stun(check(agent, B, 15.0)) == [AddressSelected(B)]


def test_a_pair_that_is_kept_beside_the_selected_one_is_not_selected() -> None:
    agent = IceLite(LOCAL)
    check(agent, A, 0.0, nominate=True)
    for second in range(0, 60, 5):
        assert without_stun(check(agent, B, second + 1.0))[1:] == []
        assert without_stun(check(agent, A, second + 2.0)) == []
    assert agent.selected == A


def test_an_agent_that_believes_to_be_controlled_gets_487_and_is_not_validated() -> None:
    agent = IceLite(LOCAL)
    (answer,) = check(agent, A, 0.0, controlling=False)
    assert isinstance(answer, SendStun)
    assert codec.parse_message(answer.datagram).error_code == 487
    assert agent.selected is None


def test_checks_that_never_come_fail_ice_after_30_seconds() -> None:
    agent = IceLite(LOCAL)
    assert agent.next_timer() is None
    agent.expect_checks(5.0)
    agent.expect_checks(9.0)  # a later plan does not give more time
    assert agent.next_timer() == 35.0
    agent.handle_timer(34.9)
    assert agent.take_output() == []
    agent.handle_timer(35.0)
    assert agent.take_output() == [IceFailed("ice")]
    assert agent.next_timer() is None


def test_consent_is_renewed_by_each_check_and_lost_30_seconds_after_the_last() -> None:
    agent = IceLite(LOCAL)
    agent.expect_checks(0.0)
    check(agent, A, 1.0)
    check(agent, A, 20.0)
    assert agent.next_timer() == 50.0
    agent.handle_timer(49.9)
    assert agent.take_output() == []
    agent.handle_timer(50.0)
    assert agent.take_output() == [AddressExpired(A), IceFailed("consent")]
    assert agent.selected is None


def test_when_the_selected_address_falls_silent_the_one_heard_last_takes_its_place() -> None:
    agent = IceLite(LOCAL)
    check(agent, A, 0.0, nominate=True)
    check(agent, B, 10.0)
    agent.handle_timer(30.0)
    assert agent.take_output() == [AddressExpired(A), AddressSelected(B)]
    assert agent.next_timer() == 40.0


def test_addresses_are_bounded_and_the_selected_one_stays() -> None:
    agent = IceLite(LOCAL)
    addresses = [BrowserPath("192.0.2.1", 1000 + n) for n in range(ice.MAX_ADDRESSES + 2)]
    outputs = [without_stun(check(agent, address, float(n))) for n, address in enumerate(addresses)]
    assert outputs[-2] == [AddressExpired(addresses[1]), AddressValidated(addresses[-2])]
    assert outputs[-1] == [AddressExpired(addresses[2]), AddressValidated(addresses[-1])]
    assert agent.selected == addresses[0]


def test_a_failed_or_closed_agent_answers_nothing() -> None:
    failed, closed = IceLite(LOCAL), IceLite(LOCAL)
    failed.expect_checks(0.0)
    failed.handle_timer(30.0)
    failed.take_output()
    check(closed, A, 0.0)
    closed.close()
    assert closed.take_output() == [AddressExpired(A)]
    assert check(failed, A, 31.0) == check(closed, A, 31.0) == []


def test_the_table_knows_every_input_in_every_state() -> None:
    assert set(ice._TABLE) == set(itertools.product(IceState, ice._Input))
