"""I1, the second half: in any window of w seconds no more than rate × w + burst calls start.

The bound on all windows at once is a token bucket that never runs dry (of size burst, refilled at the rate):
a twin of GCRA that is written differently. A window that lies across a reload is held to the wider limits.
"""

import math
from typing import TYPE_CHECKING

from proxy.qos.permits import BURST_SPAN_S
from proxy.routing.table import Application
from proxy.snapshot import Snapshot
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.world import World

ROUNDING = 1e-6
"""Tokens lacking that are no violation: the rounding of many small additions."""


class Bucket:
    """Tokens that calls take. A rate of infinity is no limit."""

    __slots__ = ("burst", "rate", "tokens", "when_s")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.when_s = now

    def take(self, now: float) -> bool:
        """Whether there was one to take."""
        if self.rate == math.inf:
            return True
        self.tokens = min(self.burst, self.tokens + (now - self.when_s) * self.rate) - 1.0
        self.when_s = now
        return self.tokens >= -ROUNDING

    def widen(self, rate: float, burst: float) -> None:
        """Hold windows that reach back before a change to the wider of both limits.

        What a higher rate would have refilled before is not known: then the bucket is full.
        """
        if rate > self.rate:
            self.tokens = max(self.burst, burst)
        elif burst > self.burst:
            self.tokens += burst - self.burst
        self.rate = max(self.rate, rate)
        self.burst = max(self.burst, burst)


class Rate(Checker):
    """Two buckets an application: `fresh` begins anew at each change of the limits, `wide` never does.

    An application that the table drops and takes back later begins anew too.
    """

    rule = "I1 rate"
    begins_anew = True

    def __init__(self) -> None:
        super().__init__()
        self._fresh: dict[str, Bucket] = {}
        self._wide: dict[str, Bucket] = {}
        self._stated: dict[str, tuple[float, float]] = {}
        self._there: frozenset[str] = frozenset()

    def opened(self, world: "World") -> None:
        self._loop = world.loop
        self._learn(world.pipeline.snapshot)

    def reloaded(self, before: Snapshot, after: Snapshot, accepted: bool) -> None:
        self._learn(after)

    def called(self, flight: "Flight") -> None:
        application = flight.server.plan.application
        fresh, now = self._fresh[application], self._loop.now_s
        if fresh.rate == math.inf:
            return
        if not fresh.take(now):
            self.broken(
                f"application {application}: more calls than {fresh.rate:g}/s and a burst of {fresh.burst:g}"
            )
        elif not self._wide[application].take(now):
            self.broken(f"application {application}: a reload gave it a second burst")

    def _learn(self, snapshot: Snapshot) -> None:
        now, applications = self._loop.now_s, snapshot.table.applications
        for name, application in applications.items():
            limits = stated(application)
            back = name not in self._there and self.begins_anew
            if back or self._stated.get(name) != limits:
                self._fresh[name] = Bucket(*limits, now)
                if back or name not in self._wide:
                    self._wide[name] = Bucket(*limits, now)
                self._wide[name].widen(*limits)
            self._stated[name] = limits
        self._there = frozenset(applications)


class RateOfReturned(Rate):
    """The same, and an application that comes back has no second burst."""

    rule = "I1 rate, of applications too that a reload dropped and another took back"
    awaits = "the gates of dropped applications keep what their rates remember"
    begins_anew = False


def stated(application: Application) -> tuple[float, float]:
    """The rate and the burst that the table gives an application; no rate is an infinite one."""
    if application.rate is None:
        return math.inf, math.inf
    return application.rate, application.burst or max(1, math.ceil(application.rate * BURST_SPAN_S))
