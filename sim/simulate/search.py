"""Decides how many machines to try next, until the fewest that suffice are known. Pure.

More machines never make a night worse: so what met all thresholds once is enough, and bisection finds the
edge between the most that missed and the fewest that met.
"""

from collections.abc import Mapping

GROWTH = 2.0


def next_try(
    tried: Mapping[float, bool], now: float, *, least: float, most: float, step: float, near_share: float
) -> float | None:
    """How many to try, a multiple of `step`; None when the edge is known to a step, or to `near_share` of it.

    `tried`: what has been, and whether it met all. From `least` to `most`.
    """
    met = min((count for count, good in tried.items() if good), default=None)
    missed = max(
        (count for count, good in tried.items() if not good and (met is None or count < met)), default=None
    )
    if met is None:
        if missed is None:
            return min(max(now, least), most)
        return None if missed >= most else _stepped(missed * GROWTH, step, least, most)
    if missed is None:
        lower = _stepped(met / GROWTH, step, least, most)
        return lower if lower < met else None
    if met - missed <= max(step * (1 + 1e-9), near_share * met):
        return None
    middle = _stepped((met + missed) / 2, step, least, most)
    return middle if missed < middle < met else None


def fewest(tried: Mapping[float, bool]) -> float | None:
    """The fewest that met all."""
    return min((count for count, good in tried.items() if good), default=None)


def _stepped(count: float, step: float, least: float, most: float) -> float:
    return min(max(round(count / step) * step, least), most)
