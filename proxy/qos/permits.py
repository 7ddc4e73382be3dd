"""Permits: how many calls an application may have in flight, and how often one may start.

Decides admission for one application; never waits. `Permits` are those of a process that serves alone;
where several share the limits, `family/ledger.py` has them. The rate is GCRA (the virtual scheduling form of
ITU-T I.371): one number, no windows, so no window edge lets twice the quota through. In any span of
w seconds at most `rate * w + burst` calls start.
"""

import enum
import math
from collections.abc import Callable
from typing import Final, Protocol

from proxy.routing.table import Application

BURST_SPAN_S = 0.01
"""Without a stated burst, calls worth this much time may start at once (at least one)."""


NOBODY: Final = 1 << 16
"""In place of the rank of a class: nobody waits. No class has it."""


class Shortage(enum.StrEnum):
    """Which permit is lacking."""

    CONCURRENCY = "concurrency"
    RATE = "rate"


class Permitting(Protocol):
    """The permits of one application, wherever they are counted. Times are monotonic seconds."""

    @property
    def concurrency(self) -> int | None:
        """Calls in flight at most; None = as many as may be."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls in flight, of all who share these permits."""
        ...

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        """Change the limits; what is in flight and what the rate remembers stay."""
        ...

    def shortage(self, now: float) -> Shortage | None:
        """What stands against a call that starts now. Changes nothing, and promises nothing."""
        ...

    def take(self, now: float) -> Shortage | None:
        """Take one permit of each kind, or nothing and say which is lacking: somebody else may be quicker."""
        ...

    def give_back(self) -> None:
        """The call has ended; its slot is free. What it used of the rate stays used."""
        ...

    def await_as(self, rank: int, now: float) -> None:
        """Tell those who share them the rank of the first who waits here and could take one, or NOBODY."""
        ...

    def awaited(self, now: float) -> int:
        """The rank of the most critical one who waits elsewhere and could take one, or NOBODY."""
        ...


PermitsOf = Callable[[Application], Permitting]
"""Makes the permits of an application that is new here."""


def gcra(rate: float | None, burst: int | None) -> tuple[float, float]:
    """GCRA's increment and tolerance in seconds; an increment of 0 is no limit."""
    if rate is None:
        return 0.0, 0.0
    interval_s = 1.0 / rate
    burst = burst or max(1, math.ceil(rate * BURST_SPAN_S))
    return interval_s, interval_s * (burst - 1)


class Permits:
    """`Permitting` for one process alone."""

    __slots__ = ("_counted_s", "_interval_s", "_next_s", "_tolerance_s", "concurrency", "in_flight")

    def __init__(self, *, concurrency: int | None, rate: float | None, burst: int | None) -> None:
        self.in_flight = 0
        self._next_s = -math.inf  # GCRA's theoretical arrival time
        self.concurrency = concurrency
        self._interval_s, self._tolerance_s = gcra(rate, burst)
        self._counted_s = self._interval_s  # the last one that was a limit

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        """Change the limits; what is in flight and what the rate remembers stay, in calls, not in seconds."""
        self.concurrency = concurrency
        self._interval_s, self._tolerance_s = gcra(rate, burst)
        if not self._interval_s:
            return
        if self._counted_s and self._next_s > now:
            self._next_s = now + (self._next_s - now) * self._interval_s / self._counted_s
        self._counted_s = self._interval_s

    def shortage(self, now: float) -> Shortage | None:
        """What stands against a call that starts now. Changes nothing."""
        if self.concurrency is not None and self.in_flight >= self.concurrency:
            return Shortage.CONCURRENCY
        if self._interval_s and now < self._next_s - self._tolerance_s:
            return Shortage.RATE
        return None

    def take(self, now: float) -> Shortage | None:
        """Take one permit of each kind, or nothing."""
        short = self.shortage(now)
        if short is None:
            self.in_flight += 1
            if self._interval_s:
                self._next_s = max(self._next_s, now) + self._interval_s
        return short

    def give_back(self) -> None:
        """The call has ended; its slot is free. What it used of the rate stays used."""
        assert self.in_flight > 0, "a permit was given back twice"
        self.in_flight -= 1

    def await_as(self, rank: int, now: float) -> None:
        """There are no others."""

    def awaited(self, now: float) -> int:  # noqa: ARG002 - as the port has it
        """There is no elsewhere."""
        return NOBODY


def own_permits(application: Application) -> Permits:
    """`PermitsOf` a process that serves alone."""
    return Permits(concurrency=application.concurrency, rate=application.rate, burst=application.burst)
