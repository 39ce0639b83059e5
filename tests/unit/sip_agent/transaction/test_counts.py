"""What the transaction layer counts."""

from tests.support.sip_messages import make_answer, make_request

from sip_agent.core.transaction.counts import Counts


def test_messages_are_counted_by_direction_and_kind() -> None:
    counts = Counts()
    counts.note("in", make_request())
    counts.note("out", make_answer(make_request(), 486))
    assert counts.requests == {("in", "INVITE"): 1}
    assert counts.responses == {("out", 486): 1}
