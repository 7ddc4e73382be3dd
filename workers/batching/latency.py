"""How long a batch takes: a line fitted to what was seen. Predicts; decides nothing."""

import math

FORGET = 0.98  # what an observation weighs after the next one: the last 50 or so count
SPREADS = 2.0  # the bound stands so many deviations above the line
SAME = 1e-9  # relative variance of the costs under which no slope can be read


class LatencyModel:
    """took_s = a * cost + b, by least squares with exponential forgetting.

    Clipper (NSDI 2017, section 4.3) and BentoML fit the same line per model to size their batches; the
    forgetting is recursive least squares' factor (Ljung, System Identification, 11.2), kept here as
    weighted sums. Neither a nor b is ever below 0. Until two sizes were seen the line goes through the
    origin and the mean of what was. With nothing seen, every prediction is 0: hope, not refusal.
    """

    def __init__(self) -> None:
        self._weight = self._x = self._y = self._xx = self._xy = self._yy = 0.0
        self._line: tuple[float, float, float] | None = None

    def saw(self, cost: int, took_s: float) -> None:
        """One batch ended."""
        x, y = float(cost), max(0.0, took_s)
        self._weight = self._weight * FORGET + 1
        self._x = self._x * FORGET + x
        self._y = self._y * FORGET + y
        self._xx = self._xx * FORGET + x * x
        self._xy = self._xy * FORGET + x * y
        self._yy = self._yy * FORGET + y * y
        self._line = None

    def line(self) -> tuple[float, float]:
        """The line's a in seconds per cost, and b in seconds; both 0 or more."""
        return self._fitted()[:2]

    def bound_s(self, cost: int) -> float:
        """What a batch hardly exceeds: the line and two deviations. It never falls with the cost."""
        a, b, deviation = self._fitted()
        return a * cost + b + SPREADS * deviation

    def _fitted(self) -> tuple[float, float, float]:
        if self._line is None:
            self._line = self._fit()
        return self._line

    def _fit(self) -> tuple[float, float, float]:
        if not self._weight:
            return 0.0, 0.0, 0.0
        x, y = self._x / self._weight, self._y / self._weight
        variance = self._xx / self._weight - x * x
        together = self._xy / self._weight - x * y
        if variance <= SAME * x * x:
            a, b = (y / x if x else 0.0), 0.0
        else:
            a = max(0.0, together / variance)
            b = y - a * x
            if b < 0:  # the best line of those through the origin
                a, b = self._xy / self._xx, 0.0
        squared = (
            self._yy
            - 2 * (a * self._xy + b * self._y)
            + a * a * self._xx
            + 2 * a * b * self._x
            + b * b * self._weight
        ) / self._weight
        return a, b, math.sqrt(max(0.0, squared))
