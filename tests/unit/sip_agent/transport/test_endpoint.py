"""The stack joined to sockets that the test plays."""

import asyncio
import weakref
from collections.abc import Callable
from itertools import count

from tests.support.sip_messages import UDP, make_request

from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.transaction.invite_client import read_invite
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.saved import SavedClient
from sip_agent.core.transaction.timers import Timers
from sip_agent.transport.endpoint import Endpoint


class Wires:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.flows: list[Flow] = []
        self.dropped: list[Flow] = []
        self.opened: list[tuple[Flow, float]] = []

    def send(self, data: bytes, flow: Flow) -> None:
        self.sent.append(data)
        self.flows.append(flow)

    def open(self, flow: Flow, within: float) -> None:
        self.opened.append((flow, within))

    def reuse(self, flow: Flow) -> Flow:
        return flow

    def has(self, flow: Flow) -> bool:
        return False

    def drop_flow(self, flow: Flow, reason: str) -> None:
        self.dropped.append(flow)

    def close_flow(self, flow: Flow) -> None:
        raise AssertionError("no connection here")


class User:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.transactions: set[TransactionId] = set()

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        self.heard.append(response.status)
        self.transactions.add(transaction)

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        self.heard.append(-status)
        self.transactions.add(transaction)


def joined(may_send: Callable[[], bool] = lambda: True) -> tuple[Endpoint, Wires]:
    numbers = count(1)
    layer = TransactionLayer(Timers(), lambda: f"t{next(numbers)}", lambda _: ("192.0.2.100", 5060))
    endpoint, wires = Endpoint(layer, may_send), Wires()
    endpoint.attach(wires)
    return endpoint, wires


def plain(method: str) -> Request:
    request = make_request(method)
    request.headers.remove("Via")
    return request


async def test_the_user_hears_every_2xx_of_an_invite() -> None:
    endpoint, wires = joined()
    user = User()
    endpoint.send_request(plain("INVITE"), Places.only(UDP), user)
    sent = parse(wires.sent[0])
    assert isinstance(sent, Request)
    for tag in ("a", "b"):
        endpoint.receive_data(make_response(sent, 200, to_tag=tag).to_bytes(), UDP)
    assert user.heard == [200, 200]
    endpoint.close()


async def saved_invite() -> SavedClient:
    """An INVITE of another process, which rings."""
    endpoint, wires = joined()
    transaction = endpoint.send_request(plain("INVITE"), Places.only(UDP), User())
    sent = parse(wires.sent[0])
    assert isinstance(sent, Request)
    endpoint.receive_data(make_response(sent, 180, to_tag="b").to_bytes(), UDP)
    saved = endpoint.saved(transaction)
    endpoint.close()
    assert isinstance(saved, SavedClient)
    return saved


async def test_the_invite_of_another_process_at_this_address_goes_on() -> None:
    saved = await saved_invite()
    endpoint, wires = joined()
    user = User()
    endpoint.restore(saved, user)
    assert wires.sent == []
    invite = read_invite(saved)
    endpoint.receive_data(make_response(invite, 200, to_tag="b").to_bytes(), UDP)
    endpoint.receive_data(make_response(invite, 200, to_tag="c").to_bytes(), UDP)
    assert (user.heard, user.transactions) == ([200, 200], {saved.id})
    endpoint.close()


async def test_the_invite_of_another_process_elsewhere_is_cancelled_as_if_by_that_one() -> None:
    saved = await saved_invite()
    endpoint, wires = joined()
    endpoint.cancel_saved(saved)
    cancel, invite = parse(wires.sent[0]), read_invite(saved)
    assert isinstance(cancel, Request) and cancel.method == "CANCEL"
    assert (str(cancel.top_via), cancel.cseq[0]) == (str(invite.top_via), invite.cseq[0])
    assert wires.flows == [saved.flow]
    endpoint.receive_data(make_response(cancel, 200, to_tag="b").to_bytes(), UDP)
    endpoint.close()


async def test_a_flow_that_fails_is_told_as_503() -> None:
    endpoint, _ = joined()
    user = User()
    endpoint.send_request(plain("OPTIONS"), Places.only(UDP), user)
    endpoint.flow_failed(UDP, "refused")
    assert (user.heard, endpoint.live) == ([-503], 0)
    endpoint.close()


async def test_an_agent_without_its_lease_is_silent() -> None:
    endpoint, wires = joined(may_send=lambda: False)
    endpoint.send_request(plain("INVITE"), Places.only(UDP), User())
    endpoint.receive_data(make_request("OPTIONS").to_bytes(), UDP)
    assert wires.sent == []
    endpoint.close()


async def test_a_handler_that_fails_does_not_stop_the_next_message() -> None:
    endpoint, wires = joined()

    def fails(transaction: TransactionId, request: Request, flow: Flow, is_merged: bool) -> None:
        raise ValueError("a bug")

    def answers(transaction: TransactionId, request: Request, flow: Flow, is_merged: bool) -> None:
        endpoint.respond(transaction, make_response(request, 200, to_tag="x"))

    endpoint.on_request = fails
    endpoint.receive_data(make_request("OPTIONS").to_bytes(), UDP)
    endpoint.on_request = answers
    endpoint.receive_data(make_request("OPTIONS", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnext").to_bytes(), UDP)
    assert len(wires.sent) == 1
    endpoint.close()


async def test_a_cancel_reaches_whoever_asked_for_it_until_the_final_response() -> None:
    endpoint, _ = joined()
    cancelled: list[str] = []

    def invited(transaction: TransactionId, request: Request, flow: Flow, is_merged: bool) -> None:
        endpoint.on_cancel(transaction, lambda cancel: cancelled.append(cancel.method))

    endpoint.on_request = invited
    endpoint.receive_data(make_request("INVITE").to_bytes(), UDP)
    endpoint.receive_data(make_request("CANCEL").to_bytes(), UDP)
    assert cancelled == ["CANCEL"]
    endpoint.close()


async def test_an_invite_is_forgotten_once_no_more_2xx_may_come() -> None:
    layer = TransactionLayer(Timers(t1=0.001), lambda: "t", lambda _: ("192.0.2.100", 5060))
    endpoint, wires = Endpoint(layer, lambda: True), Wires()
    endpoint.attach(wires)
    user = User()
    is_gone = asyncio.Event()
    weakref.finalize(user, is_gone.set)
    endpoint.send_request(plain("INVITE"), Places.only(UDP), user)
    sent = parse(wires.sent[0])
    assert isinstance(sent, Request)
    endpoint.receive_data(make_response(sent, 200, to_tag="b").to_bytes(), UDP)
    assert user.heard == [200]
    del user
    async with asyncio.timeout(5):
        await is_gone.wait()
