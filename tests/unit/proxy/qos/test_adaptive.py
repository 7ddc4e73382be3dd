"""The ceiling comes down for an overloaded server, and goes back up; never above what is declared."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.adaptive import BASELINE_S, FLOOR, INFLATION_MAX, SAMPLES_MIN, SPAN_S, Ceiling

GAP_S = 0.02


class Load:
    """A server under as many calls as the ceiling allows, as it goes by."""

    def __init__(self, ceiling: Ceiling) -> None:
        self.ceiling = ceiling
        self.now = 100.0

    def serve(self, span_s: float, elapsed_s: Callable[[int], float]) -> list[int]:
        """A call each `GAP_S`, each taking what the server takes with `limit` in flight; the limits seen."""
        limits = []
        for _ in range(round(span_s / GAP_S)):
            self.now += GAP_S
            self.ceiling.learn(elapsed_s(self.ceiling.limit), self.now)
            limits.append(self.ceiling.limit)
        return limits


def evenly(elapsed_s: float) -> Callable[[int], float]:
    return lambda limit: elapsed_s


def knee(calls: int) -> Callable[[int], float]:
    """A server that does `calls` at a time, 0.1 s each; more of them share it."""
    return lambda limit: 0.1 * max(1.0, limit / calls)


@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0.001, 5), st.booleans()), max_size=200),
    st.integers(1, 300),
)
def test_it_stays_between_the_floor_and_what_is_declared(
    declared: int, calls: list[tuple[float, float, bool]], redeclared: int
) -> None:
    """The declared limit is a ceiling of the ceiling (invariant I1)."""
    ceiling, now = Ceiling(declared), 0.0
    for step, (gap_s, elapsed_s, throttled) in enumerate(calls):
        now += gap_s
        if throttled:
            ceiling.throttled(now)
        else:
            for _ in range(SAMPLES_MIN):
                ceiling.learn(elapsed_s, now)
        if step == 100:
            ceiling.declare(redeclared)
            declared = redeclared
        assert ceiling.declared == declared
        assert FLOOR <= ceiling.limit <= declared


def test_latency_that_inflates_lowers_it_and_what_is_borne_does_not() -> None:
    """Batches make calls slower, not the server worse: up to twice the baseline."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    assert set(load.serve(20, evenly(0.1 * INFLATION_MAX))) == {64}
    limits = load.serve(3, evenly(0.1 * INFLATION_MAX * 1.1))
    assert limits == sorted(limits, reverse=True)
    assert 64 * 0.7 < limits[-1] < 64


def test_one_span_lowers_to_a_half_at_most() -> None:
    """A median that a pause has blown up must not close the application."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    assert set(load.serve(1.5, evenly(10.0))) == {64, 32}


def test_a_single_span_is_judged_by_its_median() -> None:
    """A few slow calls among many are no overload."""
    ceiling, now = Ceiling(64), 0.0
    for call in range(1000):
        now += GAP_S
        ceiling.learn(3.0 if call % 3 == 0 else 0.1, now)
    assert ceiling.limit == 64


def test_an_overloaded_server_is_kept_near_its_knee_for_as_long_as_it_takes() -> None:
    """Ten minutes of overload must not become the norm: the baseline is calibrated, not forgotten."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    load.serve(30, knee(16))
    limits = load.serve(600, knee(16))
    assert max(limits) <= 16 * INFLATION_MAX + 64 / 16
    assert min(limits) >= 16 / 4
    assert sum(limit >= 16 for limit in limits) >= 0.95 * len(limits)  # the server is kept busy


def test_after_the_overload_it_goes_back_up_step_by_step() -> None:
    """Additive: a server that has just recovered is not hit by all at once."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    load.serve(30, evenly(1.0))
    limits = load.serve(30, evenly(0.1))
    steps = {after - before for before, after in pairwise(limits)}
    assert limits[-1] == 64
    assert steps <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("slower_s", [0.25, 0.4])
def test_a_server_that_is_slower_for_good_gets_its_load_back(slower_s: float) -> None:
    """A larger model is no overload: its time becomes the baseline."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    assert load.serve(20, evenly(slower_s))[-1] < 16
    assert load.serve(BASELINE_S + 30, evenly(slower_s))[-1] == 64


def test_what_is_borne_at_the_declared_concurrency_needs_no_calibration() -> None:
    """Batches at full load are the norm here: a quarter of them once a minute is goodput for nothing."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    assert set(load.serve(3 * BASELINE_S, evenly(0.15))) == {64}


def calibrating() -> Load:
    """An overloaded server, at the moment at which its ceiling is quartered."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    load.serve(BASELINE_S - 10, knee(16))
    while load.ceiling.limit > 12:
        load.serve(GAP_S, knee(16))
    return load


def test_calls_that_began_before_the_calibration_are_no_part_of_it() -> None:
    """They still show the load that was on the server then."""
    load = calibrating()
    assert max(load.serve(SPAN_S + 2 * GAP_S, evenly(0.2))) <= 12
    assert load.serve(SPAN_S, evenly(0.1))[-1] > 12
    assert max(load.serve(20, evenly(0.3))) <= 44  # three times the baseline lowers: it is 0.1 s still


def test_a_new_table_bounds_what_calibration_returns_to() -> None:
    """The ceiling from before may be more than is declared now."""
    load = calibrating()
    load.ceiling.declare(20)
    assert max(load.serve(5, evenly(0.1))) <= 20


def test_throttles_lower_it_once_per_span_and_keep_it_from_rising() -> None:
    """A burst of 429 is one sign of overload, not fifty."""
    load = Load(Ceiling(64))
    load.serve(5, evenly(0.1))
    for _ in range(50):
        load.ceiling.throttled(load.now)
    assert load.ceiling.limit == 57
    assert load.serve(0.5, evenly(0.1))[-1] == 57
    load.ceiling.throttled(load.now + SPAN_S)
    assert load.ceiling.limit == 51


def test_in_a_span_with_a_throttle_it_does_not_rise() -> None:
    """Up and down in one turn would be no answer to either."""
    ceiling = Ceiling(64)
    for _ in range(SAMPLES_MIN):
        ceiling.learn(0.1, 0.0)
    ceiling.throttled(0.5)
    for _ in range(SAMPLES_MIN):
        ceiling.learn(0.1, 1.0)
    assert ceiling.limit == 57
    for _ in range(SAMPLES_MIN):
        ceiling.learn(0.1, 2.0)
    assert ceiling.limit == 61


@pytest.mark.parametrize(("declared", "limit"), [(100, 57), (40, 40)])
def test_a_new_table_moves_it_only_where_it_was_not_lowered(declared: int, limit: int) -> None:
    """A reload tells nothing new about the server."""
    lowered = Ceiling(64)
    lowered.throttled(0.0)
    lowered.declare(declared)
    assert lowered.limit == limit
    whole = Ceiling(64)
    whole.declare(declared)
    assert whole.limit == declared
