"""What calls take: exact over the latest calls, quick to follow, hard to throw."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.service import (
    RATE_AGE_S_MIN,
    RATE_TAU_S,
    SAMPLES,
    SAMPLES_MIN,
    STALE_S,
    ServiceTime,
)

GAPS_S = st.one_of(st.just(0.0), st.floats(0, 0.1), st.integers(0, 40).map(lambda each: each * 0.3))
CALLS = st.lists(st.tuples(GAPS_S, st.floats(0, 10)), min_size=1, max_size=200)
"""Gaps (a few of them long enough to forget) and elapsed times, in seconds."""

MANY = st.lists(st.floats(0, 10), min_size=SAMPLES_MIN, max_size=3 * SAMPLES)


def steady(elapsed_s: float, calls: int) -> ServiceTime:
    service = ServiceTime()
    for call in range(calls):
        service.learn(elapsed_s, call * 0.01)
    return service


@given(CALLS)
def test_the_percentile_is_that_of_the_latest_calls(calls: list[tuple[float, float]]) -> None:
    """Ring and order are an optimisation; the twin keeps a list and sorts it."""
    kept: list[float] = []
    service, now = ServiceTime(), 0.0
    for gap_s, elapsed_s in calls:
        now += gap_s
        kept = [*(kept if gap_s <= STALE_S else []), elapsed_s][-SAMPLES:]
        service.learn(elapsed_s, now)
        within = sorted(kept)[math.ceil(0.95 * len(kept)) - 1]
        assert service.p95_s(now) == (within if len(kept) >= SAMPLES_MIN else 0.0)


@given(MANY)
def test_a_twentieth_of_the_latest_calls_lies_above_it_and_no_more(calls: list[float]) -> None:
    """The nearest rank: an approximation from below would promise what one call in ten breaks."""
    service = ServiceTime()
    for elapsed_s in calls:
        service.learn(elapsed_s, 0.0)
    latest, p95_s = calls[-SAMPLES:], service.p95_s(0.0)
    assert sum(each > p95_s for each in latest) <= 0.05 * len(latest)
    assert sum(each >= p95_s for each in latest) > 0.05 * len(latest)


def test_a_few_calls_say_nothing() -> None:
    """A percentile of nineteen calls is the slowest of them."""
    service = steady(0.1, SAMPLES_MIN - 1)
    assert service.p95_s(0.2) == 0.0
    service.learn(0.1, 0.2)
    assert service.p95_s(0.2) == 0.1


@pytest.mark.parametrize("calls", [SAMPLES_MIN, SAMPLES_MIN + 1, SAMPLES - 1, SAMPLES, 1000])
def test_one_outlier_does_not_throw_it(calls: int) -> None:
    """One call that met a hiccup must not make the application look hopeless."""
    service = steady(0.1, calls - 1)
    service.learn(30.0, calls * 0.01)
    assert service.p95_s(calls * 0.01) == 0.1


@pytest.mark.parametrize(("before_s", "after_s", "within"), [(0.1, 0.5, 20), (0.5, 0.1, SAMPLES)])
def test_a_step_is_followed(before_s: float, after_s: float, within: int) -> None:
    """Gray failure shows in the percentile within 20 calls; recovery once the window is over."""
    rng = Random(7)
    service, now = ServiceTime(), 0.0
    for scale_s, calls in ((before_s, 500), (after_s, within)):
        for _ in range(calls):
            now += 0.005
            service.learn(scale_s * rng.uniform(0.8, 1.0), now)
    assert 0.8 * after_s <= service.p95_s(now) <= after_s


def test_what_was_slow_is_unknown_again_after_a_silence() -> None:
    """Who is avoided for being slow sends no new times: it must not be avoided for ever."""
    service = steady(5.0, 100)
    assert service.p95_s(0.99 + STALE_S) == 5.0
    assert service.p95_s(0.99 + STALE_S + 0.01) == 0.0
    service.learn(0.1, 50.0)
    assert service.p95_s(50.0) == 0.0


@given(st.floats(1, 2000), st.floats(RATE_AGE_S_MIN + 0.1, 20))
def test_an_even_rate_is_told_from_early_on(per_second: float, age_s: float) -> None:
    """A rate that starts too low would predict waits that are too long, and turn requests away."""
    service, calls = ServiceTime(), int(per_second * age_s) + 1
    for call in range(calls):
        service.learn(0.1, call / per_second)
    end_s = (calls - 1) / per_second
    slack = 1 / min(end_s, RATE_TAU_S) if end_s else 0.0  # one call more or less
    if end_s >= RATE_AGE_S_MIN:
        assert abs(service.rate(end_s) - per_second) <= slack + 1e-6 * per_second
    else:
        assert service.rate(end_s) == 0.0


def test_a_rate_dies_away_and_begins_at_nothing() -> None:
    """An application that ends no calls has no rate."""
    assert ServiceTime().rate(5.0) == 0.0
    service = steady(0.1, 1000)
    told = service.rate(10.0)
    assert service.rate(10.0 + RATE_TAU_S) == pytest.approx(told / math.e, rel=0.01)


def test_the_rate_survives_a_silence() -> None:
    """What is forgotten is how long calls take, not how long completions have been counted."""
    service = steady(0.1, 1000)
    service.learn(0.1, 100.0)
    assert service.rate(100.0) == pytest.approx(1 / RATE_TAU_S)
