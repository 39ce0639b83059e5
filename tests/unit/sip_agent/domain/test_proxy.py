"""Forwarding to several targets."""

from collections.abc import Sequence

import pytest
from tests.support.sip_messages import make_request

from sip_agent.core.domain.proxy import CancelBranch, Forward, Forwarding, ProxyOutput, RespondUpstream, Target
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.syntax.uri import SipUri

PROXY = SipUri.parse("sip:192.0.2.100:5060")


def forwarding(targets: int = 2, method: str = "INVITE") -> tuple[Forwarding, list[Request]]:
    made = Forwarding(make_request(method), [PROXY, PROXY.with_params(lr=None)], "example.com")
    made.start([Target(f"sip:s-{number}@192.0.2.7") for number in range(targets)], 0.0)
    return made, [output.request for output in made.take_output() if isinstance(output, Forward)]


def reply(request: Request, status: int, **headers: str) -> Response:
    """A branch's response, with the Via that the transaction layer put on top."""
    sent = request.copy()
    sent.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKours")
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return make_response(sent, status, None, "callee", fields)


def statuses(outputs: Sequence[ProxyOutput]) -> list[int]:
    return [output.response.status for output in outputs if isinstance(output, RespondUpstream)]


def cancelled(outputs: Sequence[ProxyOutput]) -> list[int]:
    return [output.branch for output in outputs if isinstance(output, CancelBranch)]


def test_each_copy_has_its_target_and_one_hop_less() -> None:
    request = make_request()
    for name, value in (("Route", "<sip:192.0.2.100:5060;lr>"), ("Route", "<sip:next.example.com;lr>")):
        request.headers.add(name, value)
    request.headers.add("Proxy-Authorization", "Digest secret things")
    made = Forwarding(request, [PROXY, PROXY.with_params(lr=None)], "example.com")
    made.start([Target("sip:s-1@192.0.2.7")], 0.0)
    (output,) = made.take_output()
    assert isinstance(output, Forward)
    copy = output.request
    assert (copy.uri, copy.max_forwards, "Proxy-Authorization" in copy.headers) == ("sip:s-1@192.0.2.7", 69, False)
    assert [str(route.uri) for route in copy.routes] == ["sip:next.example.com;lr"]
    assert request.max_forwards == 70


def test_what_proves_the_caller_to_us_does_not_reach_the_callee() -> None:
    request = make_request()
    ours, others = ('Digest realm="example.com", nonce="n"', 'Digest realm="elsewhere.org", nonce="n"')
    request.headers.add("Authorization", ours)
    request.headers.add("Authorization", others)
    made = Forwarding(request, [PROXY], "example.com")
    made.start([Target("sip:s-1@192.0.2.7")], 0.0)
    (output,) = made.take_output()
    assert isinstance(output, Forward)
    assert output.request.headers.get_all("Authorization") == [others]


def test_a_callee_that_spoils_the_vias_below_ours_is_heard_all_the_same() -> None:
    made, (first,) = forwarding(1)
    response = reply(first, 200)
    response.headers.add("Via", "no via at all")
    made.receive_response(0, response, 1.0)
    assert statuses(made.take_output()) == [200]


def test_the_first_2xx_goes_back_without_our_via_and_the_other_branch_is_cancelled() -> None:
    made, (first, second) = forwarding()
    made.receive_response(0, reply(first, 180), 1.0)
    made.receive_response(1, reply(second, 200), 2.0)
    outputs = made.take_output()
    assert (statuses(outputs), cancelled(outputs)) == ([180, 200], [0])
    last = outputs[1]
    assert isinstance(last, RespondUpstream) and len(last.response.vias) == 1
    made.receive_response(0, reply(first, 487), 2.1)
    assert made.take_output() == []
    assert made.is_over and made.next_timer() is None


def test_every_2xx_to_an_invite_goes_back() -> None:
    made, (first, second) = forwarding()
    made.receive_response(0, reply(first, 200), 1.0)
    made.receive_response(1, reply(second, 200), 1.1)
    assert statuses(made.take_output()) == [200, 200]


def test_of_another_request_only_the_first_final_response_goes_back() -> None:
    made, (first, second) = forwarding(method="MESSAGE")
    made.receive_response(0, reply(first, 200), 1.0)
    made.receive_response(1, reply(second, 200), 1.1)
    outputs = made.take_output()
    assert (statuses(outputs), cancelled(outputs)) == ([200], [])


@pytest.mark.parametrize(
    ("finals", "best"),
    [
        ((486, 480), 486),
        ((404, 500), 404),
        ((486, 401), 401),
        ((302, 486), 302),
        ((503, 503), 500),
        ((486, 603), 603),
    ],
)
def test_the_best_response_goes_back_once_all_are_there(finals: tuple[int, int], best: int) -> None:
    made, requests = forwarding()
    made.receive_response(0, reply(requests[0], finals[0]), 1.0)
    assert statuses(made.take_output()) == []
    made.receive_response(1, reply(requests[1], finals[1]), 1.1)
    assert statuses(made.take_output()) == [best]


def test_a_6xx_cancels_the_others_at_once() -> None:
    made, (first, _) = forwarding()
    made.receive_response(0, reply(first, 603), 1.0)
    outputs = made.take_output()
    assert (statuses(outputs), cancelled(outputs)) == ([], [1])


def test_the_challenges_of_all_branches_are_shown() -> None:
    made, (first, second) = forwarding()
    made.receive_response(0, reply(first, 401, WWW_Authenticate='Digest realm="a"'), 1.0)
    made.receive_response(1, reply(second, 407, Proxy_Authenticate='Digest realm="b"'), 1.0)
    (output,) = made.take_output()
    assert isinstance(output, RespondUpstream)
    assert (output.response.headers.get("WWW-Authenticate"), output.response.headers.get("Proxy-Authenticate")) == (
        'Digest realm="a"',
        'Digest realm="b"',
    )


def test_a_caller_that_gives_up_cancels_every_branch_and_gets_the_487() -> None:
    made, (first, second) = forwarding()
    made.cancel()
    assert cancelled(made.take_output()) == [0, 1]
    made.receive_response(0, reply(first, 487), 1.0)
    made.receive_response(1, reply(second, 487), 1.0)
    assert statuses(made.take_output()) == [487]


def test_a_branch_without_an_answer_counts_as_408() -> None:
    made, (first, _) = forwarding()
    made.branch_failed(1, 408)
    made.receive_response(0, reply(first, 500), 1.0)
    assert statuses(made.take_output()) == [408]


def test_a_phone_that_rings_for_ever_is_cancelled_by_timer_c() -> None:
    made, (first,) = forwarding(1)
    made.receive_response(0, reply(first, 180), 100.0)
    made.handle_timer(200.0)
    assert cancelled(made.take_output()) == []
    assert made.next_timer() == 300.0
    made.handle_timer(300.0)
    assert cancelled(made.take_output()) == [0]
