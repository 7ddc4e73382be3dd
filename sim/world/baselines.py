"""Other ways to admit, to compare with: none at all, a plain semaphore, a window limiter.

A limiter of the usual kind has no line: who finds no permit is passed over at once, whoever it is. They hold
permits of the proxy's own kind and do not inherit from them: those may be compiled.
"""

import msgspec

from proxy.qos.permits import NOBODY, Permits, PermitsOf, Shortage, own_permits
from proxy.routing.table import Application
from sim.world.plan import WorldPlan

WINDOW_S = 1.0

OWN = "penstock"
"""The proxy's own limits."""


class Semaphore:
    """`Permitting`: the concurrency, and no rate."""

    def __init__(self, concurrency: int | None) -> None:
        self._slots = Permits(concurrency=concurrency, rate=None, burst=None)

    @property
    def concurrency(self) -> int | None:
        return self._slots.concurrency

    @property
    def in_flight(self) -> int:
        return self._slots.in_flight

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        self._slots.limit(concurrency=concurrency, rate=None, burst=None, now=now)

    def shortage(self, now: float) -> Shortage | None:
        return self._slots.shortage(now)

    def take(self, now: float) -> Shortage | None:
        return self._slots.take(now)

    def give_back(self) -> None:
        self._slots.give_back()

    def await_as(self, rank: int, now: float) -> None:
        """Nobody shares them."""

    def awaited(self, now: float) -> int:
        return NOBODY


class Unlimited(Semaphore):
    """Everything goes through, whatever a table says."""

    def __init__(self) -> None:
        super().__init__(None)

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        """None there is."""


class WindowPermits(Semaphore):
    """Counts the calls of each whole second beside the concurrency; around an edge twice the rate passes."""

    def __init__(self, *, concurrency: int | None, rate: float | None) -> None:
        super().__init__(concurrency)
        self.quota = rate
        self._window = 0
        self._passed = 0

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        super().limit(concurrency=concurrency, rate=None, burst=None, now=now)
        self.quota = rate

    def shortage(self, now: float) -> Shortage | None:
        short = super().shortage(now)
        if short is None and self.quota is not None:
            passed = self._passed if int(now / WINDOW_S) == self._window else 0
            return Shortage.RATE if passed >= self.quota * WINDOW_S else None
        return short

    def take(self, now: float) -> Shortage | None:
        short = self.shortage(now)
        if short is None:
            short = super().take(now)
            window = int(now / WINDOW_S)
            self._passed = self._passed + 1 if window == self._window else 1
            self._window = window
        return short


def no_permits(application: Application) -> Unlimited:
    """No control."""
    return Unlimited()


def semaphore_permits(application: Application) -> Semaphore:
    """A plain semaphore."""
    return Semaphore(application.concurrency)


def window_permits(application: Application) -> WindowPermits:
    """A window limiter."""
    return WindowPermits(concurrency=application.concurrency, rate=application.rate)


def under(limiter: str, plan: WorldPlan) -> WorldPlan:
    """The plan as it is played under a limiter: nobody waits but under the proxy's own."""
    return plan if limiter == OWN else msgspec.structs.replace(plan, waiters_max=0)


BASELINES: dict[str, PermitsOf] = {
    OWN: own_permits,
    "no control": no_permits,
    "semaphore": semaphore_permits,
    "window": window_permits,
}
