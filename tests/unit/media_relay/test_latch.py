"""Which sources a SIP-side port believes."""

from collections.abc import Callable

import pytest
from tests.support.native_parts import NativeRtpLatch

from media_relay.core.latch import MAX_CANDIDATES, LatchPolicy, LatchState, RtcpLatch, RtpLatch
from media_relay.core.plan import Address

SIGNALLED = Address("192.0.2.1", 4000)
LOCAL = Address("192.168.0.5", 4000)  # as phones behind NAT signal
LOCAL_2 = Address("192.168.0.5", 5000)
SAME_HOST = Address("192.0.2.1", 5000)
SAME_HOST_2 = Address("192.0.2.1", 6000)
ELSEWHERE = Address("203.0.113.9", 7000)
POLICY = LatchPolicy(other_host_seconds=10.0, settle_seconds=2.0, probation_packets=3)


Latch = RtpLatch | NativeRtpLatch
Armed = Callable[..., Latch]


@pytest.fixture(params=[RtpLatch, NativeRtpLatch])
def armed(request: pytest.FixtureRequest) -> Armed:
    """The rules hold for the latch of either forwarder."""

    def arm(signalled: Address | None = SIGNALLED, barred: frozenset[Address] = frozenset()) -> Latch:
        latch: Latch = request.param(POLICY, barred)
        latch.expect(signalled, 0.0)
        return latch

    return arm


def hear(latch: Latch, source: Address, now: float, first: int = 1, count: int = 1, ssrc: int = 1) -> list[bool]:
    return [latch.accepts(source, ssrc, (first + n) & 0xFFFF, now) for n in range(count)]


def test_nothing_is_accepted_before_an_address_is_signalled(armed: Armed) -> None:
    latch = armed(None)
    assert hear(latch, SIGNALLED, 0.0) == [False]
    assert latch.destination is None


def test_media_goes_to_the_signalled_address_until_the_peer_is_heard(armed: Armed) -> None:
    assert armed().destination == SIGNALLED


def test_the_signalled_source_locks_at_once(armed: Armed) -> None:
    latch = armed()
    assert hear(latch, SIGNALLED, 0.0) == [True]
    assert latch.state is LatchState.LOCKED
    assert hear(latch, SAME_HOST, 0.0) == [False]
    assert hear(latch, ELSEWHERE, 0.0, count=9) == [False] * 9
    assert latch.destination == SIGNALLED


def test_a_peer_that_is_known_without_having_been_heard_locks_too(armed: Armed) -> None:
    latch = armed()
    hear(latch, ELSEWHERE, 0.5)
    latch.lock()
    assert hear(latch, SAME_HOST, 1.0) + hear(latch, ELSEWHERE, 1.0, first=2, count=9) == [False] * 10
    assert hear(latch, SIGNALLED, 1.0) == [True]
    assert (latch.state, latch.source, latch.candidates) == (LatchState.LOCKED, SIGNALLED, 0)


def test_nobody_is_known_where_no_address_is_signalled(armed: Armed) -> None:
    latch = armed(None)
    latch.lock()
    assert hear(latch, SIGNALLED, 0.0) == [False]
    assert latch.state is LatchState.CLOSED


def test_another_port_of_the_signalled_host_is_latched_onto_at_any_time(armed: Armed) -> None:
    latch = armed()
    assert hear(latch, SAME_HOST, 100.0) == [True]
    assert latch.destination == SAME_HOST
    assert hear(latch, SAME_HOST_2, 100.0) == [False]


def test_a_better_source_takes_over_while_the_latch_settles_only(armed: Armed) -> None:
    early, late = armed(), armed()
    hear(early, SAME_HOST, 0.0)
    assert hear(early, SIGNALLED, 2.0) == [True]
    assert early.destination == SIGNALLED
    assert hear(early, SAME_HOST, 2.0) == [False]
    hear(late, SAME_HOST, 0.0)
    assert hear(late, SIGNALLED, 2.1) == [False]
    assert late.destination == SAME_HOST


def test_another_host_must_send_in_sequence_before_it_is_believed(armed: Armed) -> None:
    latch = armed(LOCAL)
    assert hear(latch, ELSEWHERE, 0.0, first=65534, count=4) == [False, False, True, True]
    assert latch.destination == ELSEWHERE


def test_another_host_is_never_believed_where_the_signalled_address_can_be_sent_to(armed: Armed) -> None:
    for signalled in (
        SIGNALLED,
        Address("100.128.0.1", 4000),
        Address("172.32.0.1", 4000),
        Address("2001:db8::1", 4000),
    ):
        latch = armed(signalled)
        assert hear(latch, ELSEWHERE, 0.0, count=9) == [False] * 9
        assert latch.destination == signalled


@pytest.mark.parametrize(
    "host",
    [
        *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.5", "100.64.0.1", "100.127.0.1", "169.254.3.4"),
        *("127.0.0.1", "fc00::1", "fdff::1", "fe80::1", "::1"),
    ],
)
def test_who_signals_a_local_address_may_be_behind_nat(armed: Armed, host: str) -> None:
    assert hear(armed(Address(host, 4000)), ELSEWHERE, 0.0, count=3)[-1] is True


def test_a_spray_of_unrelated_packets_never_latches(armed: Armed) -> None:
    latch = armed(LOCAL)
    for number in range(50):
        assert hear(latch, ELSEWHERE, 0.0, first=number * 7) == [False]
        assert hear(latch, ELSEWHERE, 0.0, first=number, ssrc=number) == [False]
    assert latch.destination == LOCAL


def test_two_sources_in_turn_do_not_help_each_other_through_probation(armed: Armed) -> None:
    latch = armed(LOCAL)
    other = Address("203.0.113.10", 7000)
    assert [hear(latch, (ELSEWHERE, other)[n % 2], 0.0, first=n) for n in range(10)] == [[False]] * 10


def test_a_spray_does_not_keep_a_phone_behind_nat_from_passing_probation(armed: Armed) -> None:
    latch = armed(LOCAL)
    accepted = []
    for number in range(3):
        for sprayer in range(MAX_CANDIDATES - 1):
            hear(latch, Address("198.51.100.66", 1000 + sprayer), 0.0, first=number * 7)
        accepted += hear(latch, ELSEWHERE, 0.0, first=number)
    assert accepted == [False, False, True]
    assert latch.destination == ELSEWHERE


def test_candidates_are_bounded(armed: Armed) -> None:
    latch = armed(LOCAL)
    for number in range(50):
        hear(latch, Address("198.51.100.66", 1000 + number), 0.0)
    assert latch.candidates == MAX_CANDIDATES


def test_another_host_yields_to_the_signalled_address_however_late_and_for_good(armed: Armed) -> None:
    latch = armed(LOCAL)
    hear(latch, ELSEWHERE, 0.0, count=3)
    assert hear(latch, LOCAL_2, 60.0) == [False]
    assert hear(latch, LOCAL, 60.0) == [True]
    assert latch.destination == LOCAL
    assert hear(latch, ELSEWHERE, 60.0, count=9) == [False] * 9


def test_another_host_is_believed_only_in_time(armed: Armed) -> None:
    assert hear(armed(LOCAL), ELSEWHERE, 9.9, count=3)[-1] is True
    assert hear(armed(LOCAL), ELSEWHERE, 10.0, count=3)[-1] is False


def test_signalling_the_same_again_gives_a_silent_phone_more_time_and_disturbs_no_other(armed: Armed) -> None:
    silent, heard = armed(LOCAL), armed()
    silent.expect(LOCAL, 60.0)
    assert hear(silent, ELSEWHERE, 65.0, count=3)[-1] is True
    hear(heard, SAME_HOST, 0.0)
    heard.expect(SIGNALLED, 60.0)
    assert heard.destination == SAME_HOST
    assert hear(heard, SIGNALLED, 60.0) == [False]


def test_signalling_another_address_starts_all_over(armed: Armed) -> None:
    latch = armed()
    hear(latch, SIGNALLED, 0.0)
    moved = Address("192.0.2.7", 4000)
    latch.expect(moved, 50.0)
    assert latch.destination == moved
    assert hear(latch, moved, 50.0) == [True]
    assert hear(latch, SIGNALLED, 50.0, count=9) == [False] * 9


def test_who_was_heard_at_the_address_before_is_not_taken_for_the_new_peer(armed: Armed) -> None:
    latch = armed()
    hear(latch, SAME_HOST, 0.0)
    latch.expect(Address(SIGNALLED.host, 4002), 1.0)
    assert hear(latch, SAME_HOST, 1.0, count=9) == [False] * 9
    unheard = armed()
    unheard.expect(Address("192.0.2.7", 4000), 1.0)
    assert hear(unheard, SIGNALLED, 1.0, count=9) == [False] * 9


def test_a_peer_that_signalling_names_again_is_believed_again(armed: Armed) -> None:
    latch = armed()
    hear(latch, SAME_HOST, 0.0)
    for other in (None, Address("192.0.2.7", 4000), SIGNALLED):
        latch.expect(other, 1.0)
    assert hear(latch, SAME_HOST, 1.0) == [True]


def test_only_the_last_former_peers_are_remembered(armed: Armed) -> None:
    latch = armed(Address(ELSEWHERE.host, 4000))
    for number in range(MAX_CANDIDATES + 1):
        latch.expect(Address("192.168.0.7", 4000 + number), 1.0)
    assert hear(latch, Address(ELSEWHERE.host, 4000), 1.0, count=3)[-1] is True


def test_taking_the_address_away_closes_the_port(armed: Armed) -> None:
    latch = armed()
    hear(latch, SIGNALLED, 0.0)
    latch.expect(None, 1.0)
    assert hear(latch, SIGNALLED, 1.0) == [False]
    assert latch.destination is None


def test_a_barred_source_is_believed_only_if_it_is_signalled(armed: Armed) -> None:
    assert hear(armed(barred=frozenset({SAME_HOST, ELSEWHERE})), SAME_HOST, 0.0) == [False]
    assert hear(armed(LOCAL, frozenset({ELSEWHERE})), ELSEWHERE, 0.0, count=5) == [False] * 5
    assert hear(armed(barred=frozenset({SIGNALLED})), SIGNALLED, 0.0) == [True]


def test_rtcp_follows_the_host_of_rtp_and_keeps_the_first_port() -> None:
    latch = RtcpLatch()
    latch.expect(Address("192.0.2.1", 4001))
    assert latch.destination == Address("192.0.2.1", 4001)
    assert not latch.accepts(ELSEWHERE, SIGNALLED)
    assert not latch.accepts(ELSEWHERE, None)
    assert latch.accepts(SAME_HOST, SIGNALLED)
    assert latch.destination == SAME_HOST
    assert not latch.accepts(SAME_HOST_2, SIGNALLED)
    assert latch.accepts(Address("192.0.2.1", 4001), SIGNALLED)  # the signalled one may always come back


def test_rtcp_of_a_phone_behind_nat_comes_from_where_its_rtp_comes_from() -> None:
    latch = RtcpLatch()
    latch.expect(Address("10.0.0.5", 4001))
    assert latch.accepts(Address(ELSEWHERE.host, 7001), ELSEWHERE)


def test_rtcp_of_the_peer_before_is_not_taken_for_the_new_ones() -> None:
    latch = RtcpLatch()
    latch.expect(Address("192.0.2.1", 4001))
    latch.accepts(SAME_HOST, SIGNALLED)
    latch.expect(Address("192.0.2.1", 4003))
    assert not latch.accepts(SAME_HOST, SIGNALLED)
    assert latch.accepts(SAME_HOST_2, SIGNALLED)
