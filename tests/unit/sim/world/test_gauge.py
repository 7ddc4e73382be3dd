"""The gauge: when a rate is reached for good, and when a share is."""

import pytest

from sim.world.gauge import BIN_S, Gauge


def gauged(served: dict[float, int], arrived: dict[float, int] | None = None) -> Gauge:
    """Answers by their moment; of what arrived at a moment as many were good."""
    gauge = Gauge()
    gauge.served_at = {round(at_s / BIN_S): count for at_s, count in served.items()}
    gauge.good_at = dict(gauge.served_at)
    gauge.arrived_at = {round(at_s / BIN_S): count for at_s, count in (arrived or {}).items()}
    return gauge


def every(from_s: float, until_s: float, count: int) -> dict[float, int]:
    """So many in each bin."""
    first, last = round(from_s / BIN_S), round(until_s / BIN_S)
    return {place * BIN_S: count for place in range(first, last)}


def test_a_rate_is_reached_where_the_first_window_begins_from_which_all_bring_it() -> None:
    """Half for 0.3 s, then all of 1,000 a second: 95 of 100 ms' answers are there from a little before."""
    gauge = gauged({**every(1.0, 1.3, 5), **every(1.3, 3.0, 10)})
    assert gauge.converged_s(1.0, 3.0, 950.0, 0.1) == pytest.approx(0.29)
    assert gauge.converged_s(1.0, 3.0, 1000.0, 0.1) == pytest.approx(0.30)
    assert gauge.converged_s(1.0, 3.0, 400.0, 0.1) == 0.0


def test_a_rate_that_is_lost_again_was_not_reached() -> None:
    """For good, until the end."""
    gauge = gauged({**every(1.0, 2.5, 10), **every(2.6, 3.0, 10)})
    assert gauge.converged_s(1.0, 3.0, 950.0, 0.1) == pytest.approx(1.6)
    assert gauged({}).converged_s(1.0, 3.0, 950.0, 0.1) == pytest.approx(1.91)


def test_a_share_of_the_arrivals_is_reached_for_good() -> None:
    """Whoever arrives in the first half second is served in half of the cases."""
    gauge = gauged({**every(1.0, 1.5, 5), **every(1.5, 3.0, 10)}, every(0.0, 4.0, 10))
    assert gauge.recovered_s(1.0, 3.0, 0.99, 0.2) == pytest.approx(0.5)
    assert gauge.recovered_s(1.5, 3.0, 0.99, 0.2) == 0.0


def test_a_window_in_which_nobody_arrives_is_no_failure() -> None:
    """A share of nothing."""
    assert gauged({}, {}).recovered_s(1.0, 3.0, 0.99, 0.2) == 0.0


def test_rates_and_shares_are_those_between_two_moments() -> None:
    """To the bin."""
    gauge = gauged(every(1.0, 2.0, 10), every(0.0, 4.0, 20))
    assert gauge.per_s(1.5, 2.0) == pytest.approx(1000.0)
    assert gauge.per_s(1.5, 2.5) == pytest.approx(500.0)
    assert gauge.share(1.0, 2.0) == pytest.approx(0.5)
