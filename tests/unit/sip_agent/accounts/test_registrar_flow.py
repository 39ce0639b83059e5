"""What a registration counts on."""

import pytest
from tests.support.sip_messages import UDP, make_request

from sip_agent.accounts.registrar_flow import RegistrarFlow
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.message import Response, make_response
from sip_agent.transport.flow_watch import FlowUser

TCP = Flow("tcp", "192.0.2.1", 5060)
REGISTER = TransactionId("z9hG4bK1", "REGISTER")


class FakeEndpoint:
    """Knows where a request went, and who counts on which flow."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.kept: list[tuple[Flow, FlowUser]] = []
        self.flows = self

    def flow_of(self, transaction: TransactionId) -> Flow:
        return self.flow

    def keep(self, flow: Flow, user: FlowUser) -> None:
        self.release(flow, user)
        self.kept.append((flow, user))

    def release(self, flow: Flow, user: FlowUser) -> None:
        self.kept = [(kept, other) for kept, other in self.kept if (kept, other) != (flow, user)]


def success(via: str = "SIP/2.0/UDP 192.0.2.9:5060;rport=5060;branch=z9hG4bK1") -> Response:
    return make_response(make_request("REGISTER", via), 200)


def made(flow: Flow) -> tuple[RegistrarFlow, FakeEndpoint, list[str]]:
    endpoint, lost = FakeEndpoint(flow), list[str]()
    return RegistrarFlow(endpoint, lambda: lost.append("lost")), endpoint, lost  # type: ignore[arg-type]


def test_a_connection_is_kept_and_its_loss_told() -> None:
    registrar, endpoint, lost = made(TCP)
    registrar.registered(REGISTER, success())
    registrar.registered(REGISTER, success())
    assert endpoint.kept == [(TCP, registrar)] and registrar.flow == TCP
    registrar.flow_lost(TCP)
    assert (lost, registrar.flow) == (["lost"], None)
    registrar.registered(REGISTER, success())
    assert registrar.flow == TCP


@pytest.mark.parametrize(("seen", "is_kept"), [("rport=5060", False), ("rport=40000;received=203.0.113.1", True)])
def test_udp_is_kept_where_a_nat_is_on_the_way(seen: str, is_kept: bool) -> None:
    registrar, endpoint, _ = made(UDP)
    registrar.registered(REGISTER, success(f"SIP/2.0/UDP 192.0.2.9:5060;{seen};branch=z9hG4bK1"))
    assert bool(endpoint.kept) is is_kept
    assert registrar.public == (("203.0.113.1", 40000) if is_kept else None)


def test_another_server_takes_the_place_of_the_first() -> None:
    registrar, endpoint, _ = made(TCP)
    registrar.registered(REGISTER, success())
    endpoint.flow = TCP._replace(host="192.0.2.2")
    registrar.registered(REGISTER, success())
    assert endpoint.kept == [(endpoint.flow, registrar)]
    registrar.release()
    assert endpoint.kept == []
