"""Permits: how many calls an application may have in flight, and how often one may start.

Decides admission for one application; never waits. The rate is GCRA (the virtual scheduling form of
ITU-T I.371): one number, no windows, so no window edge lets twice the quota through. In any span of
w seconds at most `rate * w + burst` calls start.
"""

import enum
import math

BURST_SPAN_S = 0.01
"""Without a stated burst, calls worth this much time may start at once (at least one)."""


class Shortage(enum.Enum):
    """Which permit is lacking."""

    CONCURRENCY = "concurrency"
    RATE = "rate"


class Permits:
    """The permits of one application. Times are monotonic seconds."""

    __slots__ = ("_interval_s", "_next_s", "_tolerance_s", "concurrency", "in_flight")

    def __init__(self, *, concurrency: int | None, rate: float | None, burst: int | None) -> None:
        self.in_flight = 0
        self._next_s = -math.inf  # GCRA's theoretical arrival time
        self.limit(concurrency=concurrency, rate=rate, burst=burst)

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None) -> None:
        """Change the limits; what is in flight and what the rate remembers stay."""
        self.concurrency = concurrency
        self._interval_s = 0.0 if rate is None else 1.0 / rate
        if rate is not None and burst is None:
            burst = max(1, math.ceil(rate * BURST_SPAN_S))
        self._tolerance_s = self._interval_s * ((burst or 1) - 1)

    def shortage(self, now: float) -> Shortage | None:
        """What stands against a call that starts now. Changes nothing."""
        if self.concurrency is not None and self.in_flight >= self.concurrency:
            return Shortage.CONCURRENCY
        if self._interval_s and now < self._next_s - self._tolerance_s:
            return Shortage.RATE
        return None

    def take(self, now: float) -> None:
        """Take one permit of each kind; `shortage(now)` was None in this very turn of the loop."""
        self.in_flight += 1
        if self._interval_s:
            self._next_s = max(self._next_s, now) + self._interval_s

    def give_back(self) -> None:
        """The call has ended; its slot is free. What it used of the rate stays used."""
        assert self.in_flight > 0, "a permit was given back twice"
        self.in_flight -= 1
