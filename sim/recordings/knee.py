"""How many a server works on at once, seen from its callers: where times begin to grow with the line. Pure.

Up to c in flight a call takes f(n); from there on each waits for those before it, and takes f(c) × n ÷ c, for
the server's rate no longer grows (Little's law). f is a straight line, as batching makes it. c is where these
two lines fit best, by the relative error of each level: far behind the bend one straight line would do as
well, and what tells them apart is short. It shows only where they fit clearly better than one line alone, or
where that goes through 0: then each call waits for all before it, and there is one slot.
"""

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

CALLS_MIN = 20
"""Of a level that says something."""

CALLS_COUNTED_MAX = 500
"""Of a level that says as much as any: one that stood for long must not outvote the others."""

TAIL_CALLS_MIN = 200
TAIL_LEVELS_MIN = 3
BETTER = 0.5
"""The error that is left, as a share of a straight line's."""

NOTHING = 0.5
"""Of what each call adds: a line that begins lower goes through 0."""


class Bend(msgspec.Struct, frozen=True, kw_only=True):
    """`slots`: c; `base_s` + `each_s` × n: f."""

    slots: int
    base_s: float
    each_s: float

    def times_s(self, levels: Whole) -> Floats:
        """What a call takes with so many in flight."""
        within = self.base_s + self.each_s * np.minimum(levels, self.slots)
        found: Floats = within * np.maximum(1.0, levels / self.slots)
        return found


def bend(levels: Whole, means_s: Floats, counts: Whole) -> Bend | None:
    """By levels of calls in flight, ascending. None where none shows."""
    kept = counts >= CALLS_MIN
    levels, means_s, counts = levels[kept], means_s[kept], counts[kept]
    if len(levels) < TAIL_LEVELS_MIN + 1:
        return None
    weights = np.minimum(counts, CALLS_COUNTED_MAX) / means_s**2
    best, least = None, np.inf
    for slots in levels[:-TAIL_LEVELS_MIN].tolist():
        if counts[levels > slots].sum() < TAIL_CALLS_MIN:
            break
        found = _fitted(slots, levels, means_s, weights)
        error = _error(found, levels, means_s, weights)
        if error < least:
            best, least = found, error
    straight = _fitted(int(levels[-1]), levels, means_s, weights)
    if straight.base_s <= NOTHING * straight.each_s:
        best, least = _fitted(1, levels, means_s, weights), 0.0
    if best is None or least > BETTER * _error(straight, levels, means_s, weights):
        return None
    return best


def _fitted(slots: int, levels: Whole, means_s: Floats, weights: Floats) -> Bend:
    """Each time behind the bend is one at the bend, made longer: so both lines are one."""
    stretched = np.maximum(1.0, levels / slots)
    base_s, each_s = _line(np.minimum(levels, slots), means_s / stretched, weights * stretched**2)
    return Bend(slots=slots, base_s=base_s, each_s=each_s)


def _error(found: Bend, levels: Whole, means_s: Floats, weights: Floats) -> float:
    return float(np.sum(weights * (found.times_s(levels) - means_s) ** 2))


def _line(levels: Whole, means_s: Floats, weights: Floats) -> tuple[float, float]:
    """Base and slope by least squares, neither below 0."""
    mean_n, mean_s = np.average(levels, weights=weights), np.average(means_s, weights=weights)
    spread = np.average((levels - mean_n) ** 2, weights=weights)
    if spread == 0:
        return float(mean_s), 0.0
    slope = np.average((levels - mean_n) * (means_s - mean_s), weights=weights) / spread
    base_s = mean_s - slope * mean_n
    if slope < 0:
        return float(mean_s), 0.0
    if base_s < 0:
        through_0 = np.average(levels * means_s, weights=weights) / np.average(levels**2, weights=weights)
        return 0.0, float(through_0)
    return float(base_s), float(slope)
