"""How requests scatter around a rate: evenly, as from many strangers, or in clumps. Pure."""

from typing import Literal

import numpy as np

from sim.shapes.curve import Curve
from sim.shapes.sheet import Floats

How = Literal["even", "poisson", "gamma"]
STRETCH_COUNT_MIN = 20.0
"""Shorter stretches, each held to its count, would make the arrivals regular."""

SOLVE_STEPS_MAX = 60
SOLVE_SHARE = 1e-3
"""How near the coefficient of variation comes to the wanted one."""


def scattered(curve: Curve, how: How, cv: float, rng: np.random.Generator) -> Floats:
    """The due times along the curve, ascending; as many as it stands for, rounded.

    `poisson` is conditioned on the count of each piece of the curve (small ones together): a short run has
    the rate that it was asked for, and a burst its size; `gamma` has gaps of the coefficient of variation
    `cv`, on the axis on which the rate is even.
    """
    total = curve.count
    count = round(total)
    if count == 0:
        return np.empty(0)
    places: Floats
    match how:
        case "even":
            places = np.arange(count, dtype=np.float64) * (total / count)
        case "poisson":
            places = _strewn(curve.counts(), rng)
        case "gamma":
            places = ends(gaps_of(count, cv, log_gammas(1.0 / cv**2, count, rng)), rng) * total
    return np.minimum(curve.times(places), np.nextafter(curve.seconds, 0.0))


def _strewn(before: Floats, rng: np.random.Generator) -> Floats:
    """Uniform within each stretch of the curve; `before`: the count at each of its edges."""
    at_least = np.arange(0.0, before[-1], STRETCH_COUNT_MIN)
    starts = np.unique(before[np.searchsorted(before, at_least)])
    bounds = np.append(starts[starts < before[-1]], before[-1])
    counts = np.diff(np.rint(bounds)).astype(np.int64)
    low, width = np.repeat(bounds[:-1], counts), np.repeat(np.diff(bounds), counts)
    return np.sort(low + width * rng.random(len(low)))


def log_gammas(shape: float, count: int, rng: np.random.Generator) -> Floats:
    """Logarithms of Gamma draws: those of a small shape are too small for a number of their own."""
    found: Floats = np.log(rng.standard_gamma(shape + 1.0, count)) - rng.standard_exponential(count) / shape
    return found


def log_weibulls(shape: float, count: int, rng: np.random.Generator) -> Floats:
    """Logarithms of Weibull draws."""
    found: Floats = np.log(rng.standard_exponential(count)) / shape
    return found


def gaps_of(count: int, cv: float, logs: Floats) -> Floats:
    """`count` gaps of sum 1 from the logarithms of draws, raised to the power that gives them this `cv`.

    A power of a Weibull draw is one of another shape; a Gamma draw of shape 1/cv² needs one near 1. So the
    gaps that are drawn have the burstiness that was measured, not only those of infinitely many.
    """
    if count < 2 or cv <= 0:
        return np.full(count, 1.0 / max(count, 1))
    wanted = min(cv, 0.98 * np.sqrt(count - 1.0))  # so many gaps cannot vary more
    low, high = 0.0, 0.0
    power = 1.0
    for _ in range(SOLVE_STEPS_MAX):
        gaps = np.exp(power * (logs - logs.max()))
        found = float(gaps.std() / gaps.mean())
        if abs(found / wanted - 1.0) < SOLVE_SHARE:
            break
        if found < wanted:
            low = power
        else:
            high = power
        guess = power * wanted / found if found > 0 else power * 2
        inside = low < guess < (high or np.inf)
        power = guess if inside else (low + high) / 2 if high else power * 2
    found_gaps: Floats = gaps / gaps.sum()
    return found_gaps


def ends(gaps: Floats, rng: np.random.Generator) -> Floats:
    """Where gaps of sum 1 end, from 0 to below 1, the first of them cut: its rest comes after the last.

    A middling gap stands first: the long ones, which make a client bursty, stay whole.
    """
    middle = int(np.argpartition(gaps, len(gaps) // 2)[len(gaps) // 2])
    gaps[[0, middle]] = gaps[[middle, 0]]
    found: Floats = np.clip(np.cumsum(gaps) - gaps[0] * rng.random(), 0.0, np.nextafter(1.0, 0.0))
    return found
