"""Which streams are joined, and which way back is a loop."""

from collections.abc import Sequence

import pytest

from media_relay.core.bridges import BridgeChange, Bridges, Joined, Parted, StreamPlace
from media_relay.core.plan import Address, StreamPlan
from shared.errors import RemoteError

RELAY = "192.0.2.1"
A, B, C = StreamPlace(1, 0), StreamPlace(2, 0), StreamPlace(3, 0)
A_VIDEO, B_VIDEO = StreamPlace(1, 1), StreamPlace(2, 1)
PHONE = Address("192.0.2.20", 4000)


def rtp(place: StreamPlace) -> Address:
    """Where a stream of the relay gets RTP."""
    return Address(RELAY, 30000 + 100 * place.session + 2 * place.stream)


class Relay:
    """Three sessions of two streams each."""

    def __init__(self) -> None:
        self.bridges = Bridges(RELAY)
        for session in (1, 2, 3):
            ports = [rtp(StreamPlace(session, stream)).port for stream in range(2)]
            self.bridges.add(session, [(port, port + 1) for port in ports])

    def send(self, session: int, *to: Address | StreamPlace | None) -> Sequence[BridgeChange]:
        addresses = [rtp(each) if isinstance(each, StreamPlace) else each for each in to]
        plans = [
            StreamPlan("audio", sip_rtp=each, sip_rtcp=Address(each.host, each.port + 1) if each else None)
            for each in addresses
        ]
        return self.bridges.send(session, plans)

    def refuses(self, session: int, *to: Address | StreamPlace | None) -> bool:
        with pytest.raises(RemoteError) as refused:
            self.send(session, *to)
        return refused.value.status == 482


@pytest.fixture
def relay() -> Relay:
    return Relay()


def test_two_streams_are_joined_once_each_is_sent_to_the_other(relay: Relay) -> None:
    assert relay.send(1, B) == []
    assert relay.send(2, A) == [Joined(B, A)]
    assert relay.send(2, A) == []


def test_the_streams_of_a_call_are_joined_one_by_one(relay: Relay) -> None:
    relay.send(1, B, B_VIDEO)
    assert relay.send(2, A) == [Joined(B, A)]
    assert [relay.bridges.bridged(session) for session in (1, 2, 3)] == [{0}, {0}, set()]
    assert relay.send(2, A, A_VIDEO) == [Joined(B_VIDEO, A_VIDEO)]
    assert relay.bridges.bridged(1) == {0, 1}
    assert relay.send(1, B) == [Parted(A_VIDEO, B_VIDEO)]


def test_streams_stand_in_whatever_order_the_far_side_has_them(relay: Relay) -> None:
    relay.send(1, B_VIDEO, B)
    assert relay.send(2, A_VIDEO, A) == [Joined(B, A_VIDEO), Joined(B_VIDEO, A)]


@pytest.mark.parametrize("elsewhere", [PHONE, None, C])
def test_one_that_is_sent_elsewhere_parts_both(relay: Relay, elsewhere: Address | None) -> None:
    relay.send(1, B)
    relay.send(2, A)
    assert relay.send(1, elsewhere) == [Parted(A, B)]
    assert relay.send(1, B) == [Joined(A, B)]


def test_a_transfer_joins_the_new_two(relay: Relay) -> None:
    relay.send(1, B)
    relay.send(2, A)
    relay.send(3, A)
    assert relay.send(1, C) == [Parted(A, B), Joined(A, C)]


def test_the_end_of_a_session_parts_it_and_its_ports_mean_nobody(relay: Relay) -> None:
    relay.send(1, B)
    relay.send(2, A)
    assert relay.bridges.remove(2) == [Parted(B, A)]
    ports = [(rtp(B).port, rtp(B).port + 1)]
    relay.bridges.add(9, ports)
    plan = StreamPlan("audio", sip_rtp=rtp(A))
    assert relay.bridges.send(9, [plan]) == []  # A was sent to the session that had the ports before
    assert relay.send(1, B) == [Joined(A, StreamPlace(9, 0))]


def test_another_host_with_our_ports_is_not_us(relay: Relay) -> None:
    relay.send(1, Address("192.0.2.9", rtp(B).port))
    assert relay.send(2, A) == []


def test_a_phone_is_joined_with_nobody(relay: Relay) -> None:
    assert relay.send(1, PHONE, None) == []


def test_a_session_that_is_sent_to_itself_is_a_loop(relay: Relay) -> None:
    assert relay.refuses(1, A)
    assert relay.refuses(1, A_VIDEO)
    assert relay.refuses(1, PHONE, A)
    assert relay.refuses(1, Address(RELAY, rtp(A).port + 1))
    assert relay.refuses(1, Address(RELAY, rtp(A).port - 1))  # its RTCP would come to its own RTP port


def test_a_chain_that_comes_back_is_a_loop_and_changes_nothing(relay: Relay) -> None:
    relay.send(1, B)
    relay.send(2, C)
    assert relay.refuses(3, A)
    assert relay.send(3, B) == [Joined(C, B)]


def test_what_comes_to_a_session_with_a_partner_goes_out_by_that_one_so_the_way_back_is_a_loop(relay: Relay) -> None:
    relay.bridges.join(1, 2)
    assert relay.refuses(1, B)
    assert relay.refuses(2, A)
    relay.send(3, B)  # what 1 sends would come to 3, go on to 2, and so out by 1 again
    assert relay.refuses(1, C)


def test_nothing_is_left_of_a_partner_that_is_gone(relay: Relay) -> None:
    relay.bridges.join(1, 2)
    relay.bridges.remove(2)
    relay.send(3, A)
    assert relay.send(1, C) == [Joined(A, C)]


def test_two_sessions_that_are_joined_may_each_have_a_far_side_of_this_relay(relay: Relay) -> None:
    relay.bridges.add(4, [(30400, 30401), (30402, 30403)])
    other = StreamPlace(4, 0)
    relay.bridges.join(1, 2)
    relay.send(3, A)
    assert relay.send(1, C) == [Joined(A, C)]
    relay.send(4, B)
    assert relay.send(2, other) == [Joined(B, other)]
