"""Second calls are few, and none where the load is high."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.hedge import BALANCE_MAX, KEPT, LOAD_MAX, SHARE, Hedging, late_after_s


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 20), st.floats(0, 100)), max_size=40))
def test_second_calls_are_at_most_one_in_a_hundred_from_the_first_call_on(
    history: list[tuple[int, int, float]],
) -> None:
    """In any span they are so many, and what was saved before it."""
    hedging, now, first, second = Hedging(0.0), 0.0, 0, 0
    spans = [(0, 0)]  # first and second calls so far, after each step
    for calls, wishes, gap_s in history:
        now += gap_s
        for _ in range(calls):
            hedging.called(now)
        first += calls
        for _ in range(wishes):
            allowed = hedging.allows(0, 100, True, now)
            assert hedging.take(now) == allowed
            second += allowed
        assert second <= SHARE * first + 1e-6
        assert all(second - before[1] <= SHARE * (first - before[0]) + BALANCE_MAX + 1e-6 for before in spans)
        spans.append((first, second))


def test_a_hundred_calls_pay_for_a_second_one() -> None:
    """And not ninety-nine."""
    hedging = Hedging(0.0)
    for _ in range(99):
        hedging.called(0.0)
    assert not hedging.allows(0, 100, True, 0.0)
    hedging.called(0.0)
    assert hedging.allows(0, 100, True, 0.0)
    assert hedging.allows(0, 100, True, 0.0), "to look changes nothing"
    assert hedging.take(0.0)
    assert not hedging.take(0.0)


def test_a_quiet_hour_is_no_licence_for_a_storm() -> None:
    """No more than so many are saved up, and time alone saves none."""
    hedging = Hedging(0.0)
    for _ in range(100_000):
        hedging.called(0.0)
    assert sum(hedging.take(3600.0) for _ in range(1_000)) == BALANCE_MAX


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_second_call_is_within_the_share_of_the_permits(in_flight: int, concurrency: int) -> None:
    """With it no more than 70% are taken: above, it makes other calls late."""
    hedging = Hedging(0.0)
    for _ in range(200):
        hedging.called(0.0)
    assert hedging.allows(in_flight, concurrency, True, 0.0) == (in_flight + 1 <= LOAD_MAX * concurrency)


def test_where_no_concurrency_is_declared_there_is_no_second_call() -> None:
    """Its load is not known."""
    hedging = Hedging(0.0)
    for _ in range(200):
        hedging.called(0.0)
    assert not hedging.allows(0, None, True, 0.0)


def test_a_call_is_late_once_it_took_longer_than_most_and_only_where_it_may_take_longer() -> None:
    """What is not known cannot be exceeded; what its timeout ends needs no second call."""
    assert late_after_s(0.04, 0.1) == 0.04
    assert late_after_s(0.0, 0.1) is None
    assert late_after_s(0.1, 0.1) is None


def test_some_are_kept_for_calls_that_are_very_late() -> None:
    """One in twenty is late by a little; they would use up what the one that hangs needs."""
    hedging = Hedging(0.0)
    for _ in range(10_000):
        hedging.called(0.0)
    late = 0
    while hedging.allows(0, 100, False, 0.0):
        late += hedging.take(0.0)
    assert late == BALANCE_MAX - KEPT
    assert hedging.allows(0, 100, True, 0.0)
