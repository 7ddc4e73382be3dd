"""The gate of an application: whether it may be called now, and on which of its endpoints.

Joins drain, breaker, permits and the back-off that a server asked for. A pure state machine: look
(`bar`) and take (`enter`) happen in one turn of the event loop. Permits that other processes share may be
gone between the two: then nothing is taken, so that limits are exact all the same.
"""

import enum

from proxy.messages import Outcome, Target
from proxy.qos.breaker import Breaker
from proxy.qos.permits import PermitsOf, Permitting, Shortage, own_permits
from proxy.routing.table import Application
from proxy.tiers.outcome import BLAMES

HOLD_S_MAX = 30.0
"""The longest Retry-After of a throttling server that is honoured."""


class Bar(enum.StrEnum):
    """Why an application is passed over."""

    DRAINED = "drained"
    BREAKER = "breaker"
    CONCURRENCY = "concurrency"
    RATE = "rate"
    HELD = "held"  # it asked for quiet with Retry-After
    DEADLINE = "deadline"  # the request's, not the application's: no time is left for it
    WEIGHT = "weight"  # the row's weight is 0


_BAR_OF = {Shortage.CONCURRENCY: Bar.CONCURRENCY, Shortage.RATE: Bar.RATE}


class Endpoint:
    """One base URL of an application, and how busy it is."""

    __slots__ = ("held_until_s", "pending", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.pending = 0
        self.held_until_s = 0.0


class Pass:
    """The right to make one call; given back once, by `leave` or `abandon`."""

    __slots__ = ("endpoint", "probe")

    def __init__(self, endpoint: Endpoint, probe: bool) -> None:
        self.endpoint = endpoint
        self.probe = probe


class Gate:
    """Admission to one application. Survives reloads that keep the application's id."""

    __slots__ = ("application", "breaker", "drained", "endpoints", "permits")

    def __init__(self, application: Application, permits_of: PermitsOf = own_permits) -> None:
        self.application = application
        self.drained = False
        self.breaker = Breaker(application.breaker)
        self.permits: Permitting = permits_of(application)
        self.endpoints = [Endpoint(target) for target in _targets(application)]

    def adopt(self, application: Application) -> None:
        """Take over a new table's limits; counts, breaker and back-off of what stays survive."""
        known = {endpoint.target.url: endpoint for endpoint in self.endpoints}
        self.endpoints = []
        for target in _targets(application):
            endpoint = known.get(target.url) or Endpoint(target)
            endpoint.target = target
            self.endpoints.append(endpoint)
        self.permits.limit(
            concurrency=application.concurrency, rate=application.rate, burst=application.burst
        )
        self.breaker.limits = application.breaker
        self.application = application

    def bar(self, now: float) -> Bar | None:
        """Why the application may not be called now; None when it may. Changes nothing."""
        if self.drained:
            return Bar.DRAINED
        if not self.breaker.admits(now):
            return Bar.BREAKER
        shortage = self.permits.shortage(now)
        if shortage is not None:
            return _BAR_OF[shortage]
        for endpoint in self.endpoints:
            if endpoint.held_until_s <= now:
                return None
        return Bar.HELD

    def enter(self, now: float, u: float) -> Pass | Bar:
        """Take the permit and an endpoint; `bar(now)` was None in this turn. `u` is uniform in [0, 1).

        The bar where another process took the last permit since: nothing is changed then.
        """
        shortage = self.permits.take(now)
        if shortage is not None:
            return _BAR_OF[shortage]
        endpoint = self._lighter_of_two(now, u)
        endpoint.pending += 1
        return Pass(endpoint, self.breaker.begin())

    def leave(self, taken: Pass, outcome: Outcome, now: float, retry_after_s: float | None = None) -> None:
        """The call ended with `outcome`; `retry_after_s` is what a throttling server asked for."""
        self._give_back(taken)
        if retry_after_s is not None:
            taken.endpoint.held_until_s = now + min(retry_after_s, HOLD_S_MAX)
        self.breaker.settle(blamed=BLAMES[outcome], probe=taken.probe, now=now)

    def abandon(self, taken: Pass) -> None:
        """The call was given up because its caller left: no evidence about the application."""
        self._give_back(taken)
        self.breaker.forget(probe=taken.probe)

    def _give_back(self, taken: Pass) -> None:
        self.permits.give_back()
        taken.endpoint.pending -= 1

    def _lighter_of_two(self, now: float, u: float) -> Endpoint:
        """Power of two choices among the endpoints that are not held back."""
        if len(self.endpoints) == 1:
            return self.endpoints[0]
        free = [endpoint for endpoint in self.endpoints if endpoint.held_until_s <= now]
        count = len(free)
        if count == 1:
            return free[0]
        pair = int(u * count * (count - 1))  # an ordered pair of different endpoints
        first, second = divmod(pair, count - 1)
        second += second >= first
        one, other = free[first], free[second]
        return one if one.pending <= other.pending else other


def _targets(application: Application) -> list[Target]:
    return [
        Target(url=url, model=application.model, headers=application.headers) for url in application.endpoints
    ]
