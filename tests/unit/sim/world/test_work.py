"""How long a server works: by formula, as measured, and for several machines behind one endpoint."""

import random
import statistics

import pytest

from sim.world.noise import Shape
from sim.world.plan import Service
from sim.world.work import Work

MEASURED = Service(base_s=0.0, measured=((1.0, (0.010, 0.012)), (5.0, (0.020, 0.040))))


def drawn(service: Service, serving: int, count: int = 4_000) -> list[float]:
    work, rng = Work(service), random.Random(1)
    return [work.drawn_s(serving, work.mean_s(serving), rng) for _ in range(count)]


def test_measured_times_come_back_as_they_were_measured() -> None:
    """Each as likely as the others: the sample is the distribution."""
    found = drawn(MEASURED, 1)
    assert {round(each, 6) for each in found} == {0.010, 0.012}
    assert 0.45 < statistics.mean(each > 0.011 for each in found) < 0.55


@pytest.mark.parametrize(
    ("serving", "times_s"), [(3, {0.015, 0.026}), (5, {0.020, 0.040}), (9, {0.020, 0.040})]
)
def test_each_quantile_is_interpolated_by_load_and_held_beyond(serving: int, times_s: set[float]) -> None:
    """Half-way between two levels stands half-way between their times."""
    assert {round(each, 6) for each in drawn(MEASURED, serving)} == times_s


@pytest.mark.parametrize(("serving", "on_one"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_requests_are_spread_evenly_over_the_machines_of_an_endpoint(serving: int, on_one: int) -> None:
    """What a machine is slowed down by is in service on it, not on the others."""
    one = Service(base_s=0.01, each_s=0.002, knee=1, slope=0.5)
    four = Service(base_s=0.01, each_s=0.002, knee=1, slope=0.5, machines=4.0)
    assert Work(four).mean_s(serving) == Work(one).mean_s(on_one)


def test_a_spread_keeps_its_mean() -> None:
    """The formula states the mean, whatever the spread."""
    found = drawn(Service(base_s=0.04, shape=Shape.LOGNORMAL, sigma=0.5), 1, 40_000)
    assert statistics.mean(found) == pytest.approx(0.04, rel=0.02)
