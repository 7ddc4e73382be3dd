"""Arrival processes: when each request is due, in seconds from the start. Pure; one seed, one schedule.

Times are absolute, so that a request which leaves late does not push the next ones back.
"""

import math
import random
from array import array
from collections.abc import Iterator

import msgspec

from sim.load.errors import PlanRefused


class Arrivals(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower, forbid_unknown_fields=True
):
    """Any of the processes below; rates are per second."""


class Constant(Arrivals, frozen=True, kw_only=True):
    """One every 1/`rate` seconds."""

    rate: float
    seconds: float


class Poisson(Arrivals, frozen=True, kw_only=True):
    """As from many callers who know nothing of each other: gaps are exponential, of mean 1/`rate`.

    `exact`: conditioned on its count, so that a short run has the rate that it was asked for.
    """

    rate: float
    seconds: float
    exact: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rate for some time."""

    rate: float
    seconds: float


class Steps(Arrivals, frozen=True, kw_only=True):
    """Rates one after another."""

    steps: tuple[Step, ...]
    poisson: bool = True


class Burst(Arrivals, frozen=True, kw_only=True):
    """A Poisson flow, and on top `size` requests within `spread_s`, first at `first_s`, then `every_s`."""

    rate: float
    seconds: float
    size: int
    spread_s: float = 0.0
    first_s: float = 0.0
    every_s: float | None = None  # None: once


class Stored(Arrivals, frozen=True, kw_only=True):
    """Drawn before, with the class and the bytes of each request, and put into a folder (`stored.py`)."""

    folder: str
    seconds: float


AnyArrivals = Constant | Poisson | Steps | Burst | Stored


def is_sane(arrivals: AnyArrivals) -> bool:
    """Whether rates and times are numbers that a schedule can be made of."""
    if isinstance(arrivals, Steps):
        return all(0 <= step.rate < math.inf and 0 <= step.seconds < math.inf for step in arrivals.steps)
    if isinstance(arrivals, Stored):
        return 0 <= arrivals.seconds < math.inf
    if not (0 <= arrivals.rate < math.inf and 0 <= arrivals.seconds < math.inf):
        return False
    if not isinstance(arrivals, Burst):
        return True
    again = arrivals.every_s is None or arrivals.every_s > 0
    return again and arrivals.size >= 0 and min(arrivals.first_s, arrivals.spread_s) >= 0


def seconds_of(arrivals: AnyArrivals) -> float:
    """How long the schedule is."""
    if isinstance(arrivals, Steps):
        return sum(step.seconds for step in arrivals.steps)
    return arrivals.seconds


def offsets_s(arrivals: AnyArrivals, seed: int, requests_max: int) -> "array[float]":
    """The due time of each request, ascending, from 0. Raises PlanRefused for more than `requests_max`."""
    rng = random.Random(f"arrivals {seed}")
    found = array("d")
    for offset_s in _times(arrivals, rng):
        if len(found) >= requests_max:
            raise PlanRefused(f"more than {requests_max:,} requests; requests_max is the limit")
        found.append(offset_s)
    return array("d", sorted(found))


def _times(arrivals: AnyArrivals, rng: random.Random) -> Iterator[float]:
    match arrivals:
        case Stored():
            raise PlanRefused("a stored schedule is read, not drawn")
        case Constant():
            yield from _constant(0.0, arrivals.rate, arrivals.seconds)
        case Poisson(exact=True):
            count = round(arrivals.rate * arrivals.seconds)
            yield from (arrivals.seconds * rng.random() for _ in range(count))
        case Poisson():
            yield from _poisson(0.0, arrivals.rate, arrivals.seconds, rng)
        case Steps():
            start_s = 0.0
            for step in arrivals.steps:
                if arrivals.poisson:
                    yield from _poisson(start_s, step.rate, step.seconds, rng)
                else:
                    yield from _constant(start_s, step.rate, step.seconds)
                start_s += step.seconds
        case Burst():
            yield from _poisson(0.0, arrivals.rate, arrivals.seconds, rng)
            yield from _bursts(arrivals)


def _constant(start_s: float, rate: float, seconds: float) -> Iterator[float]:
    for index in range(round(rate * seconds)):
        yield start_s + index / rate


def _poisson(start_s: float, rate: float, seconds: float, rng: random.Random) -> Iterator[float]:
    """From `start_s`: whatever came before has no memory to carry over."""
    if rate <= 0:
        return
    at_s = rng.expovariate(rate)
    while at_s < seconds:
        yield start_s + at_s
        at_s += rng.expovariate(rate)


def _bursts(arrivals: Burst) -> Iterator[float]:
    start_s = arrivals.first_s
    while start_s < arrivals.seconds:
        for index in range(arrivals.size):
            yield start_s + arrivals.spread_s * index / arrivals.size
        if arrivals.every_s is None:
            return
        start_s += arrivals.every_s
