"""Permits are exact: never one call more than the limit, in any span of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.permits import Permits, Shortage


def test_a_slot_is_short_when_all_are_taken_and_back_when_one_is_given_back() -> None:
    """The concurrency limit is a ceiling, not a hint."""
    permits = Permits(concurrency=2, rate=None, burst=None)
    permits.take(0.0)
    permits.take(0.0)
    assert permits.shortage(0.0) is Shortage.CONCURRENCY
    permits.give_back()
    assert permits.shortage(0.0) is None


def test_a_permit_given_back_twice_is_a_bug() -> None:
    """A leak in the other direction would let the limit be exceeded for ever."""
    permits = Permits(concurrency=1, rate=None, burst=None)
    permits.take(0.0)
    permits.give_back()
    with pytest.raises(AssertionError):
        permits.give_back()


def test_a_changed_limit_keeps_what_is_in_flight() -> None:
    """A reload must not forget calls that still run."""
    permits = Permits(concurrency=4, rate=None, burst=None)
    for _ in range(3):
        permits.take(0.0)
    permits.limit(concurrency=2, rate=None, burst=None, now=0.0)
    assert permits.shortage(0.0) is Shortage.CONCURRENCY
    permits.give_back()
    permits.give_back()
    assert permits.shortage(0.0) is None


@given(
    rate=st.floats(0.5, 5_000),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 0.05), min_size=1, max_size=300),
    span=st.floats(0.001, 3),
)
def test_in_any_span_at_most_rate_times_span_plus_burst_calls_start(
    rate: float, burst: int, gaps: list[float], span: float
) -> None:
    """GCRA has no window edge to pass twice the quota at (invariant I1)."""
    permits = Permits(concurrency=None, rate=rate, burst=burst)
    now, started = 100.0, []
    for gap in gaps:
        now += gap
        if permits.shortage(now) is None:
            permits.take(now)
            started.append(now)
    for first in started:
        inside = sum(first <= at <= first + span for at in started)
        assert inside <= rate * span + burst + 1e-6


def test_the_whole_rate_is_let_through() -> None:
    """A limiter that loses capacity to rounding would starve a model that could serve more."""
    permits = Permits(concurrency=None, rate=1000.0, burst=10)
    passed = 0
    for step in range(100_000):
        now = step * 0.0001
        if permits.shortage(now) is None:
            permits.take(now)
            passed += 1
    assert 10_000 <= passed <= 10_010


def test_without_a_stated_burst_ten_milliseconds_worth_may_start_at_once() -> None:
    """Poisson arrivals below the rate must not be turned away for arriving in pairs."""
    permits = Permits(concurrency=None, rate=800.0, burst=None)
    passed = 0
    while permits.shortage(5.0) is None:
        permits.take(5.0)
        passed += 1
    assert passed == 8


def test_a_lowered_rate_keeps_its_memory_in_calls() -> None:
    """A burst of two is used up: at the new rate, too, there is none until its time has come."""
    permits = Permits(concurrency=None, rate=20.0, burst=2)
    assert [permits.take(1.0) for _ in range(3)] == [None, None, Shortage.RATE]
    permits.limit(concurrency=None, rate=5.0, burst=2, now=1.0)
    assert permits.take(1.0) is Shortage.RATE
    assert permits.take(1.19) is Shortage.RATE
    assert permits.take(1.21) is None
    assert permits.take(1.22) is Shortage.RATE
