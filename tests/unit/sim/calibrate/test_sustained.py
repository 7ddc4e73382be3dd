"""Which rate is found to be sustained."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.calibrate.sustained import (
    PERCENT_GRAIN,
    PERCENT_MAX,
    TRIALS,
    Trial,
    next_percent,
    sustained_percent,
    trial_s,
    verdict,
)


def trial(percent: int, *, good: int) -> Trial:
    return Trial(
        percent=percent,
        rate=percent,
        arrivals=1_000,
        good=good,
        late=1_000 - good,
        failed=0,
        p50_ms=1,
        p99_ms=1,
    )


def searched(sustains: Callable[[int], bool]) -> list[Trial]:
    trials: list[Trial] = []
    while (percent := next_percent(trials)) is not None:
        trials.append(trial(percent, good=1_000 if sustains(percent) else 500))
    return trials


@given(edge=st.integers(0, 150))
def test_the_rate_found_is_the_greatest_of_the_grid_that_is_sustained(edge: int) -> None:
    """To five percent, up to the most that is tried; 0 where none is."""
    found = sustained_percent(searched(lambda percent: percent <= edge))
    assert found == min(edge, PERCENT_MAX) // PERCENT_GRAIN * PERCENT_GRAIN


@pytest.mark.parametrize("edge", [0, 50, 97, 200])
def test_the_shares_on_both_sides_of_the_edge_are_tried_again(edge: int) -> None:
    """A single step is an anecdote."""
    trials = searched(lambda percent: percent <= edge)
    found = sustained_percent(trials)
    for percent in (found, found + PERCENT_GRAIN):
        if 0 < percent <= PERCENT_MAX:
            assert sum(each.percent == percent for each in trials) == TRIALS


@given(edge=st.integers(10, 120), wrong=st.floats(0, 0.5), seed=st.integers(0, 2**32))
def test_the_search_ends_though_trials_contradict_each_other(edge: int, wrong: float, seed: int) -> None:
    """No share is tried more often than a majority needs."""
    rng = random.Random(seed)
    trials = searched(lambda percent: (percent <= edge) != (rng.random() < wrong))
    assert len(trials) <= TRIALS * PERCENT_MAX // PERCENT_GRAIN
    assert next_percent(trials) is None


@pytest.mark.parametrize(
    ("seconds", "deadline_ms", "expected"), [(3, 100, 3), (3, 600, 12), (3, 10_000, 60), (90, 10_000, 90)]
)
def test_a_trial_is_long_enough_for_one_grain_too_much_to_pass_the_deadline(
    seconds: float, deadline_ms: float, expected: float
) -> None:
    """In a short one the queue only fills: 120% of the capacity passed for sustained."""
    assert trial_s(seconds, deadline_ms) == pytest.approx(expected)


def test_one_unlucky_trial_is_outvoted() -> None:
    """A stall of the machine is not the server's."""
    trials = [trial(90, good=500), trial(90, good=1_000), trial(90, good=1_000)]
    assert verdict(trials[:1], 90) is False
    assert verdict(trials[:2], 90) is None
    assert verdict(trials, 90) is True


@pytest.mark.parametrize(("good", "sustained"), [(1_000, True), (990, True), (989, False)])
def test_a_rate_is_sustained_when_99_of_100_are_in_time(good: int, sustained: bool) -> None:
    """Late and failed are the same to a caller."""
    assert trial(100, good=good).sustained is sustained
