"""Messages that wait: their order, their bound, and their next try."""

import itertools

import pytest

from shared.outbox import TABLE, Batch, Input, LaneState, Outbox, Rules


def outbox(**rules: float) -> Outbox[int]:
    return Outbox(Rules(**{"most": 10, "first_pause": 1.0, "longest_pause": 4.0, **rules}), lambda: 1.0)  # type: ignore[arg-type]


def taken(box: Outbox[int], now: float) -> Batch[int]:
    (batch,) = box.take(now)
    return batch


def test_what_comes_together_goes_together_in_its_order() -> None:
    box = outbox(group=3, gather_seconds=0.5)
    for number in range(4):
        assert box.put(number, 0.1 * number)
    assert box.next_timer() == 0.5 and box.take(0.4) == []
    first = taken(box, 0.5)
    assert first.messages == (0, 1, 2)
    box.delivered(first, 0.6)
    assert box.next_timer() == 1.1
    assert taken(box, 1.1).messages == (3,)


def test_nothing_overtakes_a_batch_of_its_lane_that_is_on_its_way_or_failed() -> None:
    box = outbox()
    box.put(1, 0.0)
    box.put(2, 0.0)
    batch = taken(box, 0.0)
    assert box.next_timer() is None and box.take(100.0) == []
    assert box.failed(batch, 0.0) and box.is_backing_off
    assert box.next_timer() == 1.0
    again = taken(box, 1.0)
    assert again == batch
    box.delivered(again, 1.0)
    assert not box.is_backing_off
    assert taken(box, 1.0).messages == (2,)


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    box = outbox()
    box.put(1, 0.0)
    box.put(2, 0.0)
    now, pauses = 0.0, []
    for _ in range(4):
        box.failed(taken(box, now), now)
        due = box.next_timer()
        assert due is not None
        pauses.append(due - now)
        now = due
    assert pauses == [1.0, 2.0, 4.0, 4.0]
    box.delivered(taken(box, now), now)
    box.failed(taken(box, now), now)
    assert box.next_timer() == now + 1.0


def test_chance_spreads_the_next_tries_over_half_of_the_pause() -> None:
    box: Outbox[int] = Outbox(Rules(most=10, first_pause=1.0), lambda: 0.0)
    box.put(1, 0.0)
    box.failed(taken(box, 0.0), 0.0)
    assert box.next_timer() == 0.5


def test_a_lane_whose_message_is_given_up_goes_on_with_the_next() -> None:
    box = outbox(tries=2)
    box.put(1, 0.0)
    box.put(2, 0.0)
    assert box.failed(taken(box, 0.0), 0.0)
    assert not box.failed(taken(box, 1.0), 1.0)
    assert len(box) == 1 and not box.is_backing_off
    assert taken(box, 1.0).messages == (2,)


def test_lanes_send_side_by_side_but_no_more_than_may() -> None:
    box = outbox(at_once=2)
    for lane in "abc":
        box.put(ord(lane), 0.0, lane)
    a, b = box.take(0.0)
    assert {a.lane, b.lane} == {"a", "b"} and box.take(0.0) == []
    box.failed(a, 0.0)
    assert taken(box, 0.0).lane == "c"


def test_what_finds_no_room_is_not_taken_and_there_is_room_again_once_something_is_delivered() -> None:
    box = outbox(most=2)
    assert box.put(1, 0.0) and box.put(2, 0.0) and not box.put(3, 0.0)
    assert len(box) == 2
    box.delivered(taken(box, 0.0), 0.0)
    assert box.put(3, 0.0)
    assert len(box) == 2


def test_a_lane_is_forgotten_once_nothing_waits_in_it() -> None:
    box = outbox()
    box.put(1, 0.0)
    box.delivered(taken(box, 0.0), 0.0)
    assert len(box) == 0 and box.next_timer() is None
    box.put(2, 5.0)
    assert taken(box, 5.0).messages == (2,)


@pytest.mark.parametrize(("state", "what"), [*itertools.product(LaneState, Input)])
def test_a_lane_moves_only_as_its_diagram_says(state: LaneState, what: Input) -> None:
    waits = state in (LaneState.GATHERING, LaneState.BACKING_OFF)
    expected = {Input.DUE} if waits else set(Input) - {Input.DUE} if state is LaneState.SENDING else set()
    assert ((state, what) in TABLE) == (what in expected)
