"""Arrival processes."""

import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.load.arrivals import AnyArrivals, Burst, Constant, Poisson, Step, Steps, offsets_s, seconds_of
from sim.load.errors import PlanRefused

MANY = 1_000_000
ALL = [
    Constant(rate=50, seconds=2),
    Poisson(rate=50, seconds=2),
    Steps(steps=(Step(rate=10, seconds=1), Step(rate=100, seconds=1))),
    Burst(rate=20, seconds=2, size=30, spread_s=0.1, first_s=0.5, every_s=1.0),
]


@pytest.mark.parametrize("arrivals", ALL, ids=lambda each: type(each).__name__)
def test_one_seed_gives_one_ascending_schedule_inside_its_time(arrivals: AnyArrivals) -> None:
    """A run can be repeated, and processes can each compute their own share of it."""
    found = offsets_s(arrivals, 7, MANY)
    assert found == offsets_s(arrivals, 7, MANY)
    assert list(found) == sorted(found)
    assert 0 <= found[0] <= found[-1] < seconds_of(arrivals) == 2


@given(rate=st.floats(0.5, 5_000), seconds=st.floats(0.1, 2))
def test_a_constant_rate_is_computed_from_the_start_without_drift(rate: float, seconds: float) -> None:
    """A sum of rounded gaps would wander off after a million of them."""
    assert list(offsets_s(Constant(rate=rate, seconds=seconds), 0, MANY)) == [
        index / rate for index in range(round(rate * seconds))
    ]


def test_poisson_gaps_are_exponential() -> None:
    """Their mean is 1/rate, and so is their standard deviation."""
    found = offsets_s(Poisson(rate=1_000, seconds=20), 3, MANY)
    gaps = [after - before for before, after in pairwise(found)]
    assert statistics.mean(gaps) == pytest.approx(0.001, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.001, rel=0.05)
    assert list(found) != list(offsets_s(Poisson(rate=1_000, seconds=20), 4, MANY))


def test_each_step_has_its_own_rate() -> None:
    """Ten times more from the second on."""
    steps = (Step(rate=100, seconds=1), Step(rate=1_000, seconds=1))
    found = offsets_s(Steps(steps=steps, poisson=False), 0, MANY)
    assert sum(each < 1 for each in found) == 100
    assert sum(each >= 1 for each in found) == 1_000


def test_a_step_of_no_rate_is_a_pause() -> None:
    """A plan may wait for a server to recover."""
    assert not offsets_s(Steps(steps=(Step(rate=0, seconds=1),)), 0, MANY)


@pytest.mark.parametrize(("every_s", "bursts"), [(None, 1), (0.5, 3)])
def test_a_burst_comes_on_top_of_the_flow(every_s: float | None, bursts: int) -> None:
    """Once, or again and again."""
    found = offsets_s(Burst(rate=0, seconds=2, size=10, spread_s=0.01, first_s=0.5, every_s=every_s), 0, MANY)
    assert len(found) == 10 * bursts
    assert found[9] - found[0] == pytest.approx(0.009)


def test_more_requests_than_allowed_are_refused_before_any_is_sent() -> None:
    """A rate with a zero too many fills memory otherwise."""
    with pytest.raises(PlanRefused, match="more than 99 requests"):
        offsets_s(Constant(rate=100, seconds=1), 0, 99)
