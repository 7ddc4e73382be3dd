"""Calls beyond one for each request are bounded, whatever happens (invariant I7)."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.budget import BALANCE_MAX, PER_SECOND, SHARE, Budget

HISTORY = st.lists(
    st.tuples(st.floats(0, 3), st.integers(0, 60), st.integers(0, 120)), min_size=1, max_size=60
)
"""Gaps in seconds, arrivals, and how many wish for one call more."""


@given(HISTORY, st.integers(0, 59))
def test_in_any_span_no_more_than_the_budget_is_taken(
    history: list[tuple[float, int, int]], first: int
) -> None:
    """Retries that grow with the failures they answer keep a system down (metastable failure)."""
    budget, now = Budget(0.0), 0.0
    span_s, arrivals, taken = 0.0, 0, 0
    for step, (gap_s, came, wishes) in enumerate(history):
        now += gap_s
        for _ in range(came):
            budget.arrive(now)
        got = sum(budget.take(now) for _ in range(wishes))
        if step >= first:  # the span begins with this step, at any state of the bucket
            span_s += gap_s
            arrivals += came
            taken += got
            assert taken <= SHARE * arrivals + PER_SECOND * span_s + BALANCE_MAX + 1e-6


@given(HISTORY)
def test_what_is_not_saved_is_not_lost_either(history: list[tuple[float, int, int]]) -> None:
    """A bucket that leaks would send to the queue what may still fall through: the twin counts in full."""
    budget, now, balance = Budget(0.0), 0.0, BALANCE_MAX
    for gap_s, came, wishes in history:
        now += gap_s
        balance = min(BALANCE_MAX, balance + gap_s * PER_SECOND)
        for _ in range(came):
            budget.arrive(now)
            balance = min(BALANCE_MAX, balance + SHARE)
        got = sum(budget.take(now) for _ in range(wishes))
        assert min(wishes, balance) - 1 - 1e-6 <= got <= balance + 1e-6
        balance -= got


def test_the_reserve_is_there_from_the_start() -> None:
    """The first request must be able to fall through."""
    budget = Budget(5.0)
    assert sum(budget.take(5.0) for _ in range(1000)) == BALANCE_MAX


def test_five_arrivals_pay_for_one_call_more() -> None:
    """The fifth that the invariant names."""
    budget = Budget(0.0, per_second=0.0, balance=0.0)
    for _ in range(5):
        assert not budget.take(0.0)
        budget.arrive(0.0)
    assert budget.take(0.0)
    assert not budget.take(0.0)


def test_a_quiet_proxy_still_falls_through_ten_times_a_second() -> None:
    """A fifth of nothing is nothing."""
    budget = Budget(0.0, balance=0.0)
    assert sum(budget.take(step / 128) for step in range(1, 129)) == PER_SECOND
