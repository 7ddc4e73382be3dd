"""I1, the second half: in any window of w seconds no more than rate × w + burst calls start.

The bound on all windows at once is a token bucket that never runs dry (of size burst, refilled at the rate):
a twin of GCRA that is written differently. A window that lies across a reload is held to the wider limits.
"""

import math
from typing import TYPE_CHECKING

from proxy.qos.permits import BURST_SPAN_S
from proxy.routing.table import Application
from proxy.snapshot import Snapshot
from sim.world.checkers.counted import counted_by_gate, counted_by_name
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
    """Under limits that stay as they are, through however many reloads; a change begins anew. By gate."""

    rule = "I1 rate"
    counted = staticmethod(counted_by_gate)

    def __init__(self) -> None:
        super().__init__()
        self._buckets: dict[object, Bucket] = {}
        self._stated: dict[object, tuple[float, float]] = {}

    def opened(self, world: "World") -> None:
        self._loop = world.loop
        self._learn(world.pipeline.snapshot)

    def reloaded(self, before: Snapshot, after: Snapshot, accepted: bool) -> None:
        self._learn(after)

    def called(self, flight: "Flight") -> None:
        application = flight.server.plan.application
        bucket = self._buckets[self.counted(flight.trip.snapshot, application)]
        if bucket.rate != math.inf and not bucket.take(self._loop.now_s):
            self.broken(f"{application}: more calls than {bucket.rate:g}/s and a burst of {bucket.burst:g}")

    def _learn(self, snapshot: Snapshot) -> None:
        for name, application in snapshot.table.applications.items():
            key, limits = self.counted(snapshot, name), stated(application)
            if self._stated.get(key) != limits:
                self._change(key, limits)
            self._stated[key] = limits

    def _change(self, key: object, limits: tuple[float, float]) -> None:
        self._buckets[key] = Bucket(*limits, self._loop.now_s)


class RateAcrossReloads(Rate):
    """By application, in windows across a change too, by the wider limits: a reload is no second burst."""

    rule = "I1 rate, across reloads that change it or drop the application for a while"
    counted = staticmethod(counted_by_name)

    def _change(self, key: object, limits: tuple[float, float]) -> None:
        bucket = self._buckets.get(key)
        if bucket is None:
            super()._change(key, limits)
        else:
            bucket.widen(*limits)


def stated(application: Application) -> tuple[float, float]:
    """The rate and the burst that the table gives an application; no rate is an infinite one."""
    if application.rate is None:
        return math.inf, math.inf
    return application.rate, application.burst or max(1, math.ceil(application.rate * BURST_SPAN_S))
