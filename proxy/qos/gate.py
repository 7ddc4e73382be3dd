"""The gate of an application: whether it may be called now, and on which of its endpoints.

Joins drain, breaker, permits, the line of those who wait, and the back-off that a server asked for. A pure
state machine: look (`bar`) and take (`enter`) happen in one turn of the event loop. Permits that other
processes share may be gone between the two: then nothing is taken, so that limits are exact all the same.
A permit that comes back is given to the line in the same turn: none is free beside somebody who waits.
"""

import enum
import math
from typing import Final

from proxy.messages import Outcome, Target
from proxy.qos.adaptive import Ceiling
from proxy.qos.breaker import Breaker
from proxy.qos.endpoint import Endpoint, lighter_of_two, other_than
from proxy.qos.line import Line
from proxy.qos.permits import NOBODY, PermitsOf, Permitting, Shortage, own_permits
from proxy.qos.ramp import Ramp
from proxy.qos.service import ServiceTime
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
    LINE = "line"  # others wait for its permits already
    HEALTH = "health"  # its servers say that they are not well, all of them
    HELD = "held"  # it asked for quiet with Retry-After
    DEADLINE = "deadline"  # too little time is left for it
    BUDGET = "budget"  # too many calls fell through lately
    WEIGHT = "weight"  # the row's weight is 0


_BAR_OF = {Shortage.CONCURRENCY: Bar.CONCURRENCY, Shortage.RATE: Bar.RATE}
_OK: Final = Outcome.OK
_THROTTLED: Final = Outcome.THROTTLED

SHORT: Final = (Bar.CONCURRENCY, Bar.RATE, Bar.LINE)
"""What a request may wait out in the line."""


class Pass:
    """The right to make one call; given back once, by `leave`, `abandon` or `release`."""

    __slots__ = ("endpoint", "endpoint_probe", "probe")

    def __init__(self, endpoint: Endpoint, probe: bool, endpoint_probe: bool) -> None:
        self.endpoint = endpoint
        self.probe = probe
        self.endpoint_probe = endpoint_probe


class Gate:
    """Admission to one application. Survives reloads that keep the application's id."""

    __slots__ = (
        *("_pumping", "application", "breaker", "ceiling", "drained", "endpoints", "line", "permits"),
        *("ramp", "service"),
    )

    def __init__(self, application: Application, permits_of: PermitsOf = own_permits) -> None:
        self.application = application
        self.drained = False
        self.breaker = Breaker(application.breaker)
        self.permits: Permitting = permits_of(application)
        self.line = Line(application.id)
        self.ramp = Ramp()
        self.service = ServiceTime()
        self.endpoints = [Endpoint(target, application.breaker) for target in _targets(application)]
        self.ceiling = _ceiling(application)
        self._pumping = False

    def adopt(self, application: Application, now: float) -> None:
        """Take over a new table's limits; counts, breaker and back-off of what stays survive."""
        known = {endpoint.target.url: endpoint for endpoint in self.endpoints}
        self.endpoints = []
        for target in _targets(application):
            endpoint = known.get(target.url) or Endpoint(target, application.breaker)
            endpoint.target = target
            endpoint.health.limit(application.breaker)
            self.endpoints.append(endpoint)
        if self.ceiling is None or not application.adaptive or application.concurrency is None:
            self.ceiling = _ceiling(application)
        else:
            self.ceiling.declare(application.concurrency)
        self.application = application
        self._limit(now)
        self.breaker.limits = application.breaker

    def bar(self, now: float) -> Bar | None:
        """Why a request that comes now may not be sent there; None when it may. Changes nothing."""
        bar = self.closed(now)
        if bar is None and (self.line.waiting or self.permits.awaited(now) != NOBODY):
            return Bar.LINE
        return bar

    def closed(self, now: float) -> Bar | None:
        """Why no request may be sent there, waiting or not; None when one may. Changes nothing."""
        if self.drained:
            return Bar.DRAINED
        if not self.breaker.admits(now):
            return Bar.BREAKER
        shortage = self.permits.shortage(now)
        if shortage is not None:
            return _BAR_OF[shortage]
        for endpoint in self.endpoints:
            if endpoint.held_until_s <= now and not endpoint.health.down:
                return None
        return Bar.HEALTH if all(endpoint.health.down for endpoint in self.endpoints) else Bar.HELD

    def enter(self, now: float, u: float) -> Pass | Bar:
        """Take the permit and an endpoint; nothing barred it in this turn. `u` is uniform in [0, 1).

        The bar where another process took the last permit since: nothing is changed then.
        """
        shortage = self.permits.take(now)
        if shortage is not None:
            return _BAR_OF[shortage]
        endpoints = self.endpoints
        if len(endpoints) == 1:
            endpoint, endpoint_probe = endpoints[0], False
        else:
            endpoint = lighter_of_two(endpoints, now, u)
            endpoint_probe = endpoint.health.begin(now)
        endpoint.pending += 1
        return Pass(endpoint, self.breaker.begin(), endpoint_probe)

    def other(self, taken: Pass, now: float, u: float) -> Endpoint | None:
        """Where a second call beside `taken`'s may go now; None: nowhere. Changes nothing.

        To another endpoint, and only where nobody waits, nothing bars it, and it would be no breaker's probe.
        """
        if len(self.endpoints) == 1 or not self.breaker.steady() or self.bar(now) is not None:
            return None
        return other_than(taken.endpoint, self.endpoints, now, u)

    def enter_at(self, endpoint: Endpoint, now: float) -> Pass | None:
        """Take the permit for what `other` gave in this turn; None: another process was quicker."""
        if self.permits.take(now) is not None:
            return None
        endpoint.pending += 1
        return Pass(endpoint, probe=False, endpoint_probe=False)

    def share(self, now: float) -> float:
        """The part of its weight that it gets: less than 1 only after it was ill."""
        return self.ramp.share(now)

    def wait_s(self, ahead: int, now: float) -> float:
        """How long one waits who has so many before it; 0.0: not known, or at once.

        Permits come at the declared rate, and as calls end: at least a slot's worth in each 95th percentile.
        How many end now says little where few came.
        """
        pace = math.inf if self.application.rate is None else self.application.rate
        concurrency, p95_s = self.permits.concurrency, self.service.p95_s(now)
        if concurrency is not None and p95_s > 0:
            pace = min(pace, max(self.service.rate(now), concurrency / p95_s))
        return (ahead + 1) / pace

    # -- the end of a call --------------------------------------------------------------------------

    def leave(
        self,
        taken: Pass,
        outcome: Outcome,
        now: float,
        elapsed_s: float = 0.0,
        retry_after_s: float | None = None,
    ) -> None:
        """The call ended with `outcome`; `retry_after_s` is what a throttling server asked for."""
        self.judge(taken, outcome, now, elapsed_s, retry_after_s)
        self.release(taken, now)

    def abandon(self, taken: Pass, now: float) -> None:
        """The call was given up because its caller left: no evidence about the application."""
        self.forget(taken)
        self.release(taken, now)

    def judge(
        self,
        taken: Pass,
        outcome: Outcome,
        now: float,
        elapsed_s: float = 0.0,
        retry_after_s: float | None = None,
    ) -> None:
        """What the outcome says about the application; its permit is still taken."""
        endpoint = taken.endpoint
        if retry_after_s is not None:
            endpoint.held_until_s = now + min(retry_after_s, HOLD_S_MAX)
        if self.ceiling is not None:
            self._adapt(self.ceiling, outcome, elapsed_s, now)
        blamed, slow = BLAMES[outcome], False
        if outcome is _OK:
            self.service.learn(elapsed_s, now)
            slow = self.breaker.is_slow(elapsed_s)
        self.breaker.settle(blamed=blamed, slow=slow, probe=taken.probe, now=now)
        if taken.probe and self.breaker.admits(now):
            self.ramp.restart(now)
        if len(self.endpoints) > 1:
            endpoint.learn(elapsed_s, now, answered=outcome is _OK)
            endpoint.health.settle(blamed=blamed, slow=slow, probe=taken.endpoint_probe, now=now)

    def _adapt(self, ceiling: Ceiling, outcome: Outcome, elapsed_s: float, now: float) -> None:
        before = ceiling.limit
        if outcome is _OK:
            ceiling.learn(elapsed_s, now)
        elif outcome is _THROTTLED:
            ceiling.throttled(now)
        if ceiling.limit != before:
            self._limit(now)

    def _limit(self, now: float) -> None:
        application, ceiling = self.application, self.ceiling
        concurrency = application.concurrency if ceiling is None else ceiling.limit
        self.permits.limit(concurrency=concurrency, rate=application.rate, burst=application.burst, now=now)

    def learn_late(self, taken: Pass, elapsed_s: float, now: float) -> None:
        """A call that nobody waited for any more was answered: late, but this is what calls take there."""
        self.service.learn(elapsed_s, now)
        if len(self.endpoints) > 1:
            taken.endpoint.learn(elapsed_s, now, answered=True)

    def forget(self, taken: Pass) -> None:
        """How the call ended says nothing; its permit is still taken."""
        self.breaker.forget(probe=taken.probe)
        taken.endpoint.health.forget(probe=taken.endpoint_probe)

    def release(self, taken: Pass, now: float) -> None:
        """The permit is free: for who waits, if anybody does."""
        self.permits.give_back()
        taken.endpoint.pending -= 1
        if self.line.waiting:
            self.pump(now)

    def pump(self, now: float) -> None:
        """Give those who wait what is free, the next one first; more critical ones of other processes before.

        Those look at each tick: a permit is free for so long at most.
        """
        if self._pumping:  # by one who was just woken: the loop below goes on
            return
        self._pumping = True
        try:
            while self.line.waiting and self.closed(now) is None:
                first = self.line.first()
                if self.permits.awaited(now) < first.rank or not first.wake(self.application.id, now):
                    break
        finally:
            self._pumping = False
        self.permits.await_as(self._first_rank(now), now)

    def _first_rank(self, now: float) -> int:
        """Of who waits for a permit alone: others do not stand back for one whom a breaker bars here."""
        if not self.line.waiting or self.closed(now) not in (None, Bar.CONCURRENCY, Bar.RATE):
            return NOBODY
        return self.line.first().rank


def _ceiling(application: Application) -> Ceiling | None:
    if not application.adaptive or application.concurrency is None:
        return None
    return Ceiling(application.concurrency)


def _targets(application: Application) -> list[Target]:
    return [
        Target(url=url, model=application.model, headers=application.headers) for url in application.endpoints
    ]
