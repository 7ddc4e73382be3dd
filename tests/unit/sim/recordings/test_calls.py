"""How many calls are in flight as each begins, what is a service time, and quantiles of cut times."""

import numpy as np
import pytest

from sim.recordings.calls import calls_of, in_flight_at
from sim.recordings.knee import bend
from sim.recordings.survival import quantiles
from tests.stand_ins.recordings import row


def test_a_call_counts_itself_and_those_that_have_not_ended() -> None:
    """Whatever the order in which they stand."""
    began_s, ended_s = np.array([3.0, 0.0, 1.0, 2.0]), np.array([3.5, 2.0, 5.0, 2.5])
    assert in_flight_at(began_s, ended_s).tolist() == [2, 1, 2, 2]


def test_one_that_ends_as_another_begins_is_over() -> None:
    """A permit is given on in the same turn; times are rounded to microseconds, up or down."""
    began_s, ended_s = np.array([0.0, 1.0]), np.array([1.000001, 2.0])
    assert in_flight_at(began_s, ended_s).tolist() == [1, 1]


def test_calls_of_one_moment_come_one_after_another() -> None:
    """The second finds the first there."""
    assert in_flight_at(np.zeros(3), np.ones(3)).tolist() == [1, 2, 3]


def test_failures_are_in_flight_and_are_no_service_times() -> None:
    """A refused connection says nothing of the work; a timeout says that it takes longer."""
    rows = [
        row(0.0, calls=[("1", 0.0, 100.0, "failed")]),
        row(0.01, calls=[("1", 0.0, 50.0, "timeout"), ("2", 60.0, 10.0, "ok")]),
        row(0.02, calls=[("1", 0.0, 10.0, "rejected")]),
    ]
    found = calls_of(rows)
    assert found["1"].in_flight.tolist() == [2, 3]
    assert found["1"].cut.tolist() == [True, False]
    assert found["1"].failures == {"failed": 1}
    assert found["2"].took_s.tolist() == [0.01]


def test_the_first_calls_are_in_flight_and_no_more() -> None:
    """What was under way before them is not known."""
    rows = [row(0.5, calls=[("1", 0.0, 1_000.0, "ok")]), row(1.2, calls=[("1", 0.0, 5.0, "ok")])]
    found = calls_of(rows, from_s=1.0)["1"]
    assert (found.took_s.tolist(), found.in_flight.tolist()) == ([0.005], [2])


def test_without_a_cut_the_quantiles_are_those_of_the_times() -> None:
    """In the middle of each share."""
    found, bounded = quantiles(np.arange(100.0), np.zeros(100, dtype=bool), 4)
    assert (found.tolist(), bounded) == ([12.0, 37.0, 62.0, 87.0], 0.0)


def test_a_time_that_was_cut_gives_its_part_to_the_longer_ones() -> None:
    """Kaplan and Meier: of 1, 2+, 3, 4 the survival past 3 is 3/4 × 1/2."""
    took_s, cut = np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, False])
    found, bounded = quantiles(took_s, cut, 8)
    assert found.tolist() == [1.0, 1.0, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0]
    assert bounded == 0.0


def test_past_the_last_whole_time_there_is_a_bound_only() -> None:
    """A quarter of four that were cut at 5."""
    took_s, cut = np.array([1.0, 2.0, 3.0, 5.0]), np.array([False, False, False, True])
    found, bounded = quantiles(took_s, cut, 4)
    assert (found.tolist(), bounded) == ([1.0, 2.0, 3.0, 5.0], 0.25)


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_a_bend_is_found_where_it_is(slots: int) -> None:
    """With noise of 2% and levels that were seen very differently often."""
    levels = np.arange(1, 100)
    rng = np.random.default_rng(slots)
    means_s = 0.02 * np.maximum(1.0, levels / slots) * rng.normal(1.0, 0.02, len(levels))
    counts = np.where(levels > 50, 5_000, 60)
    found = bend(levels, means_s, counts)
    assert found is not None
    assert abs(found.slots - slots) <= max(1, slots // 8)


@pytest.mark.parametrize("each_s", [0.0, 0.0005])
def test_no_bend_is_found_where_there_is_none(each_s: float) -> None:
    """Times that stay, and times that grow in one straight line."""
    levels = np.arange(1, 40)
    rng = np.random.default_rng(1)
    means_s = (0.02 + each_s * levels) * rng.normal(1.0, 0.02, len(levels))
    assert bend(levels, means_s, np.full(len(levels), 500)) is None


def test_a_few_calls_make_no_bend() -> None:
    """Three levels, or a tail that was hardly seen."""
    levels = np.arange(1, 30)
    means_s = 0.02 * np.maximum(1.0, levels / 4)
    assert bend(levels[:3], means_s[:3], np.full(3, 500)) is None
    assert bend(levels[:12], means_s[:12], np.where(levels[:12] > 4, 20, 500)) is None
    assert bend(levels[:12], means_s[:12], np.where(levels[:12] > 4, 30, 500)) is not None
