"""The cost of a night and who bears it."""

import msgspec
import pytest

from sim.simulate.cost import cost_by_class, cost_of
from tests.unit.sim.simulate.nights import CPU, GPU

NAMES = ("urgent", "rest")
ARRIVALS = {"urgent": 1_000.0, "rest": 9_000.0}


def test_a_pool_costs_its_machines_whether_they_work_or_not() -> None:
    """Machines x hours x price."""
    assert cost_of(GPU, 3.0) == 2 * 3 * 10


def test_each_class_bears_a_pools_cost_by_its_share_of_the_busy_time() -> None:
    """A quarter of the one pool, all of the other; what is idle goes with what is used."""
    busy_s = {("gpu", 0): 10.0, ("gpu", 1): 30.0, ("cpu", 1): 5.0}
    urgent, rest = cost_by_class(NAMES, ARRIVALS, (GPU, CPU), busy_s, 2.0, 7_200.0)
    assert (urgent.cost, rest.cost) == pytest.approx((10.0, 32.0))
    assert urgent.cost + rest.cost == cost_of(GPU, 2.0) + cost_of(CPU, 2.0)
    assert (urgent.share, rest.share) == pytest.approx((10 / 45, 35 / 45))


def test_a_pool_that_nobody_used_is_borne_like_the_rest() -> None:
    """It was kept for somebody, and no cost is lost."""
    found = cost_by_class(NAMES, ARRIVALS, (GPU, CPU), {("gpu", 0): 1.0, ("gpu", 1): 3.0}, 2.0, 7_200.0)
    assert [each.cost for each in found] == pytest.approx([10.5, 31.5])


def test_a_thousand_requests_cost_what_their_time_does() -> None:
    """The plan lasts an hour of the two that are paid for: half of the cost is its requests'."""
    urgent, rest = cost_by_class(NAMES, ARRIVALS, (GPU,), {("gpu", 0): 1.0, ("gpu", 1): 3.0}, 2.0, 3_600.0)
    assert urgent.per_thousand == pytest.approx(10 / 2 / 1)
    assert rest.per_thousand == pytest.approx(30 / 2 / 9)


def test_a_night_in_which_nothing_was_done_divides_by_nothing() -> None:
    """All idle: nobody bears it."""
    free = msgspec.structs.replace(GPU, cost=0.0)
    found = cost_by_class(NAMES, {"urgent": 0.0, "rest": 0.0}, (free,), {}, 1.0, 10.0)
    assert [(each.share, each.cost, each.per_thousand) for each in found] == [(0.0, 0.0, 0.0)] * 2
