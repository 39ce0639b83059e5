"""Every timer of RFC 3261 appendix A and RFC 6026 under its name, over UDP and over TCP, through the whole layer."""

from itertools import count

import pytest
from tests.support.sip_messages import TCP, UDP, make_answer, make_request

from sip_agent.core.domain.proxy import TIMER_C, CancelBranch, Forwarding, Target
from sip_agent.core.events import Flow, RequestReceived, SendMessage, TransactionId
from sip_agent.core.in_dialog.acceptance import Acceptance
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.transaction.hop_by_hop import ack_for_failure
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers

over_both = pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])


class Clocked:
    """A layer whose clock stands at 0 until it is let run. `seen` is what it put out, and when."""

    def __init__(self, flow: Flow) -> None:
        numbers = count()
        self.layer = TransactionLayer(Timers(), lambda: f"t{next(numbers)}", lambda _: ("192.0.2.2", 5060))
        self.flow = flow
        self.now = 0.0
        self.seen: list[tuple[float, str]] = []
        self.transaction: TransactionId | None = None
        self.request = make_request()

    def send(self, method: str) -> "Clocked":
        request = make_request(method)
        request.headers.remove("Via")
        self.layer.send_request(request, self.flow, self.now)
        self.drain()
        return self

    def receive(self, method: str) -> "Clocked":
        self.request = make_request(method)
        self.layer.receive(self.request.copy(), self.flow, self.now)
        self.drain()
        return self

    def answered(self, status: int) -> None:
        """The response to our request comes."""
        self.layer.receive(make_answer(self.request, status), self.flow, self.now)
        self.drain()

    def answer(self, status: int) -> None:
        """The user answers the request that came."""
        assert self.transaction is not None
        self.layer.respond(self.transaction, make_answer(self.request, status), self.now)
        self.drain()

    def run(self, until: float) -> "Clocked":
        while (due := self.layer.next_timer()) is not None and due <= until:
            self.now = due
            self.layer.handle_timer(due)
            self.drain()
        self.now = until
        return self

    def drain(self) -> None:
        for output in self.layer.take_output():
            what = type(output).__name__
            if isinstance(output, SendMessage):
                message = parse(output.data)
                what = message.start_line.split(" ")[0 if isinstance(message, Request) else 1]
                if isinstance(message, Request) and message.method != "ACK":
                    self.request = message
            elif isinstance(output, RequestReceived):
                self.transaction = output.transaction
            self.seen.append((self.now, what))

    def times(self, what: str) -> list[float]:
        return [at for at, seen in self.seen if seen == what]

    @property
    def is_over(self) -> bool:
        return self.layer.live == 0


@over_both
def test_timer_a_repeats_an_invite_at_twice_the_pause_each_time(flow: Flow) -> None:
    assert Clocked(flow).send("INVITE").run(60).times("INVITE") == (
        [0] if flow.reliable else [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    )


@over_both
def test_timer_b_gives_an_invite_up(flow: Flow) -> None:
    clocked = Clocked(flow).send("INVITE").run(60)
    assert clocked.times("TimedOut") == [32] and clocked.is_over


def test_timer_c_cancels_a_branch_and_starts_anew_with_each_provisional_response() -> None:
    forwarding = Forwarding(make_request(), [], "example.com")
    forwarding.start([Target("sip:a@192.0.2.7")], 0.0)
    sent = make_request()
    sent.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKours")
    forwarding.receive_response(0, make_response(sent, 180), 100.0)
    assert forwarding.next_timer() == 100.0 + TIMER_C
    forwarding.take_output()
    forwarding.handle_timer(100.0 + TIMER_C)
    assert forwarding.take_output() == [CancelBranch(0)]
    assert TIMER_C > 180  # §16.6 step 11


@over_both
def test_timer_d_acknowledges_copies_of_a_failure(flow: Flow) -> None:
    clocked = Clocked(flow).send("INVITE")
    clocked.answered(486)
    assert clocked.run(0).is_over == flow.reliable
    clocked.run(31.9).answered(486)
    assert clocked.times("ACK") == ([0] if flow.reliable else [0, 31.9])
    assert clocked.run(32).is_over


@over_both
def test_timer_e_repeats_another_request_and_slowly_once_something_came(flow: Flow) -> None:
    doubled = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert Clocked(flow).send("OPTIONS").run(60).times("OPTIONS") == ([0] if flow.reliable else doubled)
    clocked = Clocked(flow).send("OPTIONS")
    clocked.answered(100)
    assert clocked.run(60).times("OPTIONS") == ([0] if flow.reliable else [0, *(0.5 + 4 * n for n in range(8))])


@over_both
def test_timer_f_gives_another_request_up(flow: Flow) -> None:
    clocked = Clocked(flow).send("OPTIONS").run(60)
    assert clocked.times("TimedOut") == [32] and clocked.is_over


@over_both
def test_timer_g_repeats_a_failure_to_an_invite(flow: Flow) -> None:
    clocked = Clocked(flow).receive("INVITE")
    clocked.answer(486)
    assert clocked.run(10).times("486") == ([0] if flow.reliable else [0, 0.5, 1.5, 3.5, 7.5])


@over_both
def test_timer_h_gives_up_waiting_for_the_ack(flow: Flow) -> None:
    clocked = Clocked(flow).receive("INVITE")
    clocked.answer(486)
    assert clocked.run(60).times("AckTimedOut") == [32] and clocked.is_over


@over_both
def test_timer_i_absorbs_copies_of_the_ack(flow: Flow) -> None:
    clocked = Clocked(flow).receive("INVITE")
    clocked.answer(486)
    ack = ack_for_failure(clocked.request, make_answer(clocked.request, 486))
    clocked.layer.receive(ack.copy(), flow, 0.0)
    assert clocked.run(0).is_over == flow.reliable
    assert clocked.run(4.9).is_over == flow.reliable
    assert clocked.run(5).is_over and clocked.times("AckReceived") == []


@over_both
def test_timer_j_answers_copies_of_another_request(flow: Flow) -> None:
    clocked = Clocked(flow).receive("OPTIONS")
    clocked.answer(200)
    assert clocked.run(0).is_over == flow.reliable
    if not flow.reliable:
        clocked.run(31.9).receive("OPTIONS")
        assert clocked.times("200") == [0, 31.9]
    assert clocked.run(32).is_over


@over_both
def test_timer_k_absorbs_copies_of_the_final_response(flow: Flow) -> None:
    clocked = Clocked(flow).send("OPTIONS")
    clocked.answered(200)
    assert clocked.run(0).is_over == flow.reliable
    clocked.run(4.9).answered(200)
    assert clocked.times("ResponseReceived") == [0]
    assert clocked.times("StrayResponse") == ([4.9] if flow.reliable else [])
    assert clocked.run(5).is_over


@over_both
def test_timer_l_absorbs_copies_of_an_invite_after_its_2xx(flow: Flow) -> None:
    clocked = Clocked(flow).receive("INVITE")
    clocked.answer(200)
    clocked.run(31.9).receive("INVITE")
    assert clocked.times("RequestReceived") == [0] and not clocked.is_over
    assert clocked.run(32).is_over


@over_both
def test_timer_m_passes_further_2xx_on(flow: Flow) -> None:
    clocked = Clocked(flow).send("INVITE")
    clocked.answered(200)
    clocked.run(31.9).answered(200)
    assert clocked.times("ResponseReceived") == [0, 31.9] and not clocked.is_over
    assert clocked.run(32).is_over
    clocked.answered(200)
    assert clocked.times("StrayResponse") == [32]


@over_both
def test_100_trying_goes_out_after_200_ms_where_the_user_is_silent(flow: Flow) -> None:
    assert Clocked(flow).receive("INVITE").run(1).times("100") == [0.2]
    clocked = Clocked(flow).receive("INVITE")
    clocked.answer(180)
    assert clocked.run(1).times("100") == []


def test_a_2xx_is_repeated_until_its_ack_and_given_up_after_64_t1() -> None:
    acceptance = Acceptance.sent(1, Timers(), 0.0)
    times = []
    while not acceptance.is_over(now := acceptance.next_timer()):
        assert acceptance.is_due(now)
        times.append(now)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert now == 32
