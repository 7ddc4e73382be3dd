"""Other ways to admit, to compare with: none at all, a plain semaphore, a window limiter."""

from proxy.qos.permits import Permits, PermitsOf, Shortage, own_permits
from proxy.routing.table import Application

WINDOW_S = 1.0


class WindowPermits(Permits):
    """Counts the calls of each whole second; around an edge twice the rate passes."""

    def __init__(self, *, concurrency: int | None, rate: float | None, burst: int | None) -> None:
        super().__init__(concurrency=concurrency, rate=None, burst=burst)
        self.quota = rate
        self._window = 0
        self._passed = 0

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        super().limit(concurrency=concurrency, rate=None, burst=burst, now=now)
        self.quota = rate

    def shortage(self, now: float) -> Shortage | None:
        short = super().shortage(now)
        if short is None and self.quota is not None:
            passed = self._passed if int(now / WINDOW_S) == self._window else 0
            return Shortage.RATE if passed >= self.quota * WINDOW_S else None
        return short

    def take(self, now: float) -> Shortage | None:
        short = super().take(now)
        if short is None:
            window = int(now / WINDOW_S)
            self._passed = self._passed + 1 if window == self._window else 1
            self._window = window
        return short


def no_permits(application: Application) -> Permits:
    """No control: everything goes through."""
    return _Unlimited(concurrency=None, rate=None, burst=None)


def semaphore_permits(application: Application) -> Permits:
    """A plain semaphore: the concurrency, and no rate."""
    return _Semaphore(concurrency=application.concurrency, rate=None, burst=None)


def window_permits(application: Application) -> Permits:
    """A window limiter beside the concurrency."""
    return WindowPermits(concurrency=application.concurrency, rate=application.rate, burst=application.burst)


class _Unlimited(Permits):
    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        super().limit(concurrency=None, rate=None, burst=None, now=now)


class _Semaphore(Permits):
    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        super().limit(concurrency=concurrency, rate=None, burst=None, now=now)


BASELINES: dict[str, PermitsOf] = {
    "penstock": own_permits,
    "no control": no_permits,
    "semaphore": semaphore_permits,
    "window": window_permits,
}
