"""An endpoint: one base URL of an application, how busy and how well it is, and the draw among several."""

from collections.abc import Sequence

from proxy.messages import Target
from proxy.qos.health import Health, fit_of
from proxy.qos.peak import Peak
from proxy.routing.table import BreakerLimits


class Endpoint:
    """One base URL. `pending` are its calls in flight; times are monotonic seconds."""

    __slots__ = ("health", "held_until_s", "peak", "pending", "target")

    def __init__(self, target: Target, limits: BreakerLimits) -> None:
        self.target = target
        self.pending = 0
        self.held_until_s = 0.0
        self.health = Health(limits)
        self.peak = Peak()

    def learn(self, elapsed_s: float, now: float, *, answered: bool) -> None:
        """A call to it ended; what was not answered tells nothing about how long it takes."""
        if answered:
            self.peak.learn(elapsed_s, now)

    def cost(self, now: float) -> float:
        """What one call more would take there (peak-EWMA, as in Finagle); unknown: by what is pending."""
        return self.peak.peak_s(now) * (self.pending + 1)


def lighter_of_two(endpoints: Sequence[Endpoint], now: float, u: float) -> Endpoint:
    """Power of two choices among those that are fit and not held back. `u` is uniform in [0, 1)."""
    fit = [endpoints[place] for place in fit_of([each.health for each in endpoints], now)]
    free = [each for each in fit if each.held_until_s <= now]
    if not free:  # a fit one may be held back: better one that was set aside than none
        free = [each for each in endpoints if each.held_until_s <= now and not each.health.down]
    return _lighter(free, now, u)


def other_than(one: Endpoint, endpoints: Sequence[Endpoint], now: float, u: float) -> Endpoint | None:
    """The lighter of two of the others, among those that nothing at all speaks against; None: none is so."""
    free = [
        each for each in endpoints if each is not one and each.held_until_s <= now and each.health.steady()
    ]
    return _lighter(free, now, u) if free else None


def _lighter(free: Sequence[Endpoint], now: float, u: float) -> Endpoint:
    """Mitzenmacher 2001. One whose time is not known is compared by its calls in flight."""
    count = len(free)
    if count == 1:
        return free[0]
    pair = int(u * count * (count - 1))  # an ordered pair of different endpoints
    first, second = divmod(pair, count - 1)
    second += second >= first
    one, other = free[first], free[second]
    of_one, of_other = one.cost(now), other.cost(now)
    if of_one == 0.0 or of_other == 0.0:
        return one if one.pending <= other.pending else other
    return one if of_one <= of_other else other
