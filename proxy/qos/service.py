"""What calls take: how long the slow ones run, how fast calls end; of an application (endpoints: `peak.py`).

Learns from calls that ended and answers questions; never decides what is called. The 95th percentile is
exact over the latest `SAMPLES` calls, kept in the order of their coming and in the order of size. Why not
an estimate: a frugal quantile needs hundreds of samples for a step up, and a decaying histogram hundreds
for one down; this follows in `SAMPLES` * 5% up and `SAMPLES` * 95% down, and has no error of its own.
Hot path: below 1 µs per `learn`, uncompiled.
"""

from bisect import bisect_left, insort
from math import exp, inf
from typing import Final

SAMPLES: Final = 64
"""Calls remembered: a step up shows after 4 of them, a step down after 61; 3 outliers do not show."""

SAMPLES_MIN: Final = 20
"""The fewest calls whose 95th percentile is not simply the slowest of them."""

STALE_S: Final = 2.0
"""After this long without a call nothing is known any more. Who avoids what was slow asks again soon."""

RATE_TAU_S: Final = 2.0
"""Memory of the rate: a step is followed to 63% in two seconds."""

RATE_AGE_S_MIN: Final = 0.25
"""How long completions are counted before they are called a rate."""


class ServiceTime:
    """What calls take lately. Times are monotonic seconds; 0.0 stands for 'not known'."""

    __slots__ = ("_born_s", "_latest", "_learnt_s", "_next", "_rate", "_sorted")

    def __init__(self) -> None:
        self._latest: list[float] = []  # a ring, the oldest at `_next` once it is full
        self._sorted: list[float] = []  # the same numbers
        self._next = 0
        self._born_s = 0.0  # of the first call
        self._learnt_s = -inf  # of the latest
        self._rate = 0.0

    def learn(self, elapsed_s: float, now: float) -> None:
        """A call ended now that took `elapsed_s`. For calls that were answered: a refusal is no service."""
        since_s = now - self._learnt_s
        if since_s > STALE_S:
            self._forget()
        if self._learnt_s == -inf:
            self._born_s = now  # the call that starts the count is not in it
        else:
            self._rate = self._rate * exp(-since_s / RATE_TAU_S) + 1.0 / RATE_TAU_S
        self._learnt_s = now
        self._remember(elapsed_s)

    def p95_s(self, now: float) -> float:
        """The time within which 95 of 100 calls end (nearest rank); 0.0 where too few came lately."""
        count = len(self._sorted)
        if count < SAMPLES_MIN or now - self._learnt_s > STALE_S:
            return 0.0
        return self._sorted[(count * 95 + 99) // 100 - 1]

    def median_s(self, now: float) -> float:
        """The time within which half of the calls end; 0.0 where too few came lately."""
        count = len(self._sorted)
        if count < SAMPLES_MIN or now - self._learnt_s > STALE_S:
            return 0.0
        return self._sorted[count // 2]

    def rate(self, now: float) -> float:
        """Completions per second: an exponentially weighted mean, each call with the weight of its age.

        Divided by the weight that has been seen so far (as in Adam's bias correction, Kingma and Ba 2014),
        so that a young rate is not too low; 0.0 in its first `RATE_AGE_S_MIN`.
        """
        age_s = now - self._born_s
        if self._learnt_s == -inf or age_s < RATE_AGE_S_MIN:
            return 0.0
        seen = 1.0 - exp(-age_s / RATE_TAU_S)
        return self._rate * exp(-(now - self._learnt_s) / RATE_TAU_S) / seen

    def _forget(self) -> None:
        self._latest = []
        self._sorted = []
        self._next = 0

    def _remember(self, elapsed_s: float) -> None:
        if len(self._latest) < SAMPLES:
            self._latest.append(elapsed_s)
        else:
            oldest = self._latest[self._next]
            del self._sorted[bisect_left(self._sorted, oldest)]
            self._latest[self._next] = elapsed_s
            self._next = (self._next + 1) % SAMPLES
        insort(self._sorted, elapsed_s)
