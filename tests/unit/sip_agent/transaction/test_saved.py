"""INVITE transactions that one layer begins and another one, which knows only JSON, ends."""

import msgspec
import pytest
from tests.support.sip_messages import TCP, UDP, make_answer, make_request

from sip_agent.core.events import CancelReceived, Output, ResponseReceived, SendMessage, TransactionId
from sip_agent.core.syntax.message import MAGIC_COOKIE, Request, Response, make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.saved import SavedInvite
from sip_agent.core.transaction.timers import Timers


def make_layer(host: str) -> TransactionLayer:
    return TransactionLayer(Timers(), lambda: f"of-{host}", lambda _: (host, 5060))


def moved(layer: TransactionLayer, id: TransactionId, now: float) -> TransactionLayer:
    """Another process's layer, which goes on with a transaction."""
    data = msgspec.json.encode(layer.saved(id))
    other = make_layer("192.0.2.99")
    other.restore(msgspec.json.decode(data, type=SavedInvite), now)
    return other


def sent(outputs: list[Output]) -> list[Request | Response]:
    return [parse(output.data) for output in outputs if isinstance(output, SendMessage)]


def as_sent(message: Response) -> Request | Response:
    return parse(message.to_bytes())


def calling() -> tuple[TransactionLayer, TransactionId, Request]:
    layer, request = make_layer("192.0.2.2"), make_request()
    request.headers.remove("Via")
    id = layer.send_request(request, UDP, 0.0, "chosen")
    (invite,) = sent(layer.take_output())
    assert isinstance(invite, Request)
    return layer, id, invite


def invited(status: int | None) -> tuple[TransactionLayer, TransactionId, Request]:
    layer, request = make_layer("192.0.2.2"), make_request()
    layer.receive(request, UDP, 0.0)
    id = TransactionId("z9hG4bKtest", "INVITE", "192.0.2.1:5060")
    if status is not None:
        layer.respond(id, make_answer(request, status), 0.1)
    layer.take_output()
    return layer, id, request


def test_the_sender_may_choose_the_branch() -> None:
    _, id, invite = calling()
    assert invite.top_via.branch == id.branch == MAGIC_COOKIE + "chosen"


def test_an_invite_that_nobody_answered_is_sent_once_more_as_it_was() -> None:
    layer, id, invite = calling()
    other = moved(layer, id, 10.0)
    assert sent(other.take_output()) == [invite]
    other.handle_timer(10.5)
    assert sent(other.take_output()) == [invite]


def test_a_call_that_rings_elsewhere_is_heard_and_cancelled() -> None:
    layer, id, invite = calling()
    layer.receive(make_answer(invite, 180), UDP, 0.1)
    other = moved(layer, id, 10.0)
    assert other.take_output() == []
    other.cancel(id, 11.0)
    (cancel,) = sent(other.take_output())
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.top_via, cancel.cseq) == ("CANCEL", invite.top_via, (1, "CANCEL"))
    other.receive(make_answer(invite, 487), UDP, 11.1)
    (ack,) = sent(outputs := other.take_output())
    assert ack.cseq == (1, "ACK")
    assert [output.response.status for output in outputs if isinstance(output, ResponseReceived)] == [487]


@pytest.mark.parametrize("answered_before", [False, True])
def test_each_2xx_is_heard_until_the_fork_is_over(answered_before: bool) -> None:
    layer, id, invite = calling()
    layer.receive(make_answer(invite, 180), UDP, 0.1)
    if answered_before:
        layer.receive(make_answer(invite, 200), UDP, 0.2)
    other = moved(layer, id, 10.0)
    other.receive(make_answer(invite, 200), UDP, 10.1)
    other.receive(make_answer(invite, 200, "b2"), UDP, 10.2)
    statuses = [output.response.status for output in other.take_output() if isinstance(output, ResponseReceived)]
    assert statuses == [200, 200]
    other.handle_timer(10.1 + 32.0)
    assert other.live == 0


def test_a_connection_that_is_lost_ends_it_there_too() -> None:
    layer, request = make_layer("192.0.2.2"), make_request()
    request.headers.remove("Via")
    id = layer.send_request(request, TCP, 0.0)
    other = moved(layer, id, 10.0)
    other.take_output()
    other.transport_failed(TCP, "reset", 11.0)
    assert other.live == 0


def test_a_call_that_rings_here_is_answered_and_its_invite_repeated_meanwhile() -> None:
    layer, id, invite = invited(180)
    other = moved(layer, id, 10.0)
    other.receive(invite, UDP, 10.1)
    assert sent(other.take_output()) == [as_sent(make_answer(invite, 180))]
    for now in (11.0, 11.5):
        other.respond(id, make_answer(invite, 200), now)
    assert sent(other.take_output()) == [as_sent(make_answer(invite, 200))] * 2


def test_its_cancel_is_answered_with_the_tag_of_the_180() -> None:
    layer, id, invite = invited(180)
    other = moved(layer, id, 10.0)
    other.receive(make_request("CANCEL"), UDP, 10.1)
    outputs = other.take_output()
    (answer,) = sent(outputs)
    assert isinstance(answer, Response)
    assert (answer.status, answer.to.tag) == (200, "b1")
    assert [output.invite for output in outputs if isinstance(output, CancelReceived)] == [id]
    other.respond(id, make_answer(invite, 487), 10.2)
    other.handle_timer(10.7)
    assert [type(message) for message in sent(other.take_output())] == [Response, Response]


def test_an_answer_without_its_ack_is_repeated_by_its_user() -> None:
    layer, id, invite = invited(200)
    other = moved(layer, id, 10.0)
    other.receive(invite, UDP, 10.1)
    assert other.take_output() == []
    other.respond(id, make_answer(invite, 200), 10.5)
    assert sent(other.take_output()) == [as_sent(make_answer(invite, 200))]
    other.handle_timer(42.0)
    assert other.live == 0


def test_what_is_over_is_not_kept() -> None:
    layer, id, _ = invited(486)
    assert layer.saved(id) is None
    assert layer.saved(id._replace(branch="unknown")) is None
    layer, id, invite = calling()
    layer.receive(make_answer(invite, 486), UDP, 0.1)
    assert layer.saved(id) is None


def test_bytes_that_are_no_text_are_kept() -> None:
    layer, request = make_layer("192.0.2.2"), make_request(via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK\udcff")
    request.headers.set("To", '"\udcff" <sip:bob@example.com>')
    layer.receive(request, UDP, 0.0)
    (id,) = layer._servers
    layer.respond(id, make_response(request, 180, to_tag="b1"), 0.1)
    layer.take_output()
    other = moved(layer, id, 1.0)
    other.receive(request, UDP, 1.1)
    (repeated,) = [output.data for output in other.take_output() if isinstance(output, SendMessage)]
    assert b'"\xff" <sip:bob@example.com>;tag=b1' in repeated


def test_a_call_that_came_by_a_connection_is_answered_at_the_port_of_its_via() -> None:
    layer, invite = make_layer("192.0.2.2"), make_request("INVITE", "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKtest")
    source = TCP._replace(host="192.0.2.1", port=40000)
    layer.receive(invite, source, 0.0)
    id = TransactionId("z9hG4bKtest", "INVITE", "192.0.2.1:5070")
    layer.respond(id, make_answer(invite, 180), 0.1)
    other = moved(layer, id, 10.0)
    other.respond(id, make_answer(invite, 200), 11.0)
    assert [output.flow for output in other.take_output() if isinstance(output, SendMessage)] == [
        source._replace(port=5070)
    ]
