"""The ceiling: a declared concurrency, lowered while the server shows that it is too high.

Decides a number between `FLOOR` and what the table declares, and never more than that. Additive up and
multiplicative down (Chiu and Jain 1989), once per span. Down by the gradient of Netflix's `Gradient2Limit`:
`baseline * INFLATION_MAX / median`, at least a half; and by a tenth where the server throttles, the back-off
of its `AIMDLimit`. The baseline is the least median seen. Once it has not been met for `BASELINE_S`, and the
ceiling is lowered, it is calibrated: the ceiling is quartered until one span has shown the median there, as
in Envoy's adaptive concurrency and BBR's ProbeRTT. To forget the old one instead would take overload for the
norm, again and again, until nothing is lowered. Off unless the table says `adaptive: true`: many servers
work in batches, and are slower, not worse, with more calls in flight.
"""

from math import inf
from typing import Final

FLOOR: Final = 1
"""The lowest ceiling: with none no call would ever show that all is well again."""

INFLATION_MAX: Final = 2.0
"""Medians up to so many times the baseline are borne; `Gradient2Limit` bears 1.5 of its mean."""

GRADIENT_MIN: Final = 0.5
"""The most that one span lowers to."""

THROTTLED_SHARE: Final = 0.9
"""What is left of the ceiling when the server throttles."""

RAISE_STEPS: Final = 16
"""Spans from the floor back to what is declared, at most twice as many."""

SPAN_S: Final = 1.0
"""The least time from one decision to the next; twice the median where that is longer, to see its effect."""

SAMPLES_MIN: Final = 10
"""Calls that make a median."""

SAMPLES_MAX: Final = 64
"""The latest calls of a span, which are sorted at its end: 5 µs."""

BASELINE_S: Final = 60.0
"""How long a baseline holds that is not met; Envoy's example interval."""

CALIBRATION: Final = 4
"""The part of the ceiling for calibration. The ceiling settles at `INFLATION_MAX` times what the server does
at once: only clearly less than a half of it shows the median of a server that is not overloaded."""

MET: Final = 1.1
"""A median meets the baseline up to this many times it."""


class Ceiling:
    """The ceiling of one application; `limit` is the calls in flight at most. Times are monotonic seconds."""

    __slots__ = (
        "_baseline_s", "_calls", "_ends_s", "_held", "_latest", "_met_s", "_settling",
        "_throttled", "_throttles_s", "declared", "limit",
    )  # fmt: skip

    def __init__(self, declared: int) -> None:
        self.declared = declared
        self.limit = declared
        self._latest: list[float] = []  # elapsed seconds in this span, a ring once it is full
        self._calls = 0  # in this span
        self._ends_s = -inf
        self._baseline_s = inf  # the least median
        self._met_s = 0.0  # when it was last met
        self._held = 0  # the ceiling to return to from calibration; 0 = none is going on
        self._settling = False  # the calibration's first span, with calls that began before it
        self._throttled = False  # in this span
        self._throttles_s = -inf  # from when on a throttle counts again

    def declare(self, declared: int) -> None:
        """A new table's concurrency; a ceiling that was not lowered moves with it."""
        lowered = self.limit < self.declared
        self.limit = min(self.limit, declared) if lowered else declared
        self._held = min(self._held, declared)
        self.declared = declared

    def learn(self, elapsed_s: float, now: float) -> None:
        """A call was answered now, after `elapsed_s`. Not for failures: those say nothing of the load."""
        if self._calls < SAMPLES_MAX:
            self._latest.append(elapsed_s)
        else:
            self._latest[self._calls % SAMPLES_MAX] = elapsed_s
        self._calls += 1
        if now < self._ends_s or self._calls < SAMPLES_MIN:
            return
        median_s = sorted(self._latest)[len(self._latest) // 2]
        self._judge(median_s, now)
        self._ends_s = now + max(SPAN_S, 2.0 * median_s)
        self._latest = []
        self._calls = 0
        self._throttled = False

    def throttled(self, now: float) -> None:
        """The server turned a call away for load: lower at once, once per span."""
        self._throttled = True
        if now >= self._throttles_s:
            self._throttles_s = now + SPAN_S
            self._lower(THROTTLED_SHARE)

    def _judge(self, median_s: float, now: float) -> None:
        if self._held:
            self._calibrate(median_s, now)
            return
        self._baseline_s = min(self._baseline_s, median_s)
        if median_s <= self._baseline_s * MET:
            self._met_s = now
        if self.limit < self.declared and now - self._met_s > BASELINE_S:
            self._held = self.limit
            self._settling = True
            self.limit = max(FLOOR, self.limit // CALIBRATION)
        elif median_s > self._baseline_s * INFLATION_MAX:
            self._lower(max(GRADIENT_MIN, self._baseline_s * INFLATION_MAX / median_s))
        elif not self._throttled:
            self.limit = min(self.declared, self.limit + max(1, self.declared // RAISE_STEPS))

    def _calibrate(self, median_s: float, now: float) -> None:
        if self._settling:
            self._settling = False
            return
        self._baseline_s = median_s
        self._met_s = now
        self.limit = self._held
        self._held = 0

    def _lower(self, share: float) -> None:
        self.limit = max(FLOOR, int(self.limit * share))
