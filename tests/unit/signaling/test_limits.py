"""The token bucket and the run of errors."""

from signaling.core.limits import ErrorRun, TokenBucket


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.05)
    assert bucket.take(100.15)


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]


def test_a_good_request_ends_a_run_of_errors() -> None:
    run = ErrorRun(3)
    assert [run.bad(), run.bad()] == [False, False]
    run.good()
    assert [run.bad(), run.bad(), run.bad()] == [False, False, True]
