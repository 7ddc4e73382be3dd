"""I7: no row and no tier is called twice for one request, the chain never wraps; and the budget of calls."""

from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure, Outcome, Reply
from proxy.tiers.outcome import outcome_of
from sim.world.checkers.hedges import is_hedge
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.trip import Trip
    from sim.world.world import World


class Tiers(Checker):
    """A request's calls go down its plan, a tier at a time, each to a row of it that may be drawn.

    But for a hedge: a second call beside the one of its tier that is still open (`hedges.py`).
    """

    rule = "I7 tiers"

    def called(self, flight: "Flight") -> None:
        trip, application = flight.trip, flight.server.plan.application
        trip.calls += 1
        if trip.verdict is not None:
            self.broken(f"#{trip.number} was {trip.verdict}, and application {application} is called for it")
        if is_hedge(flight):
            flight.hedge = trip.seconded = True
            trip.hedges += 1
            return
        trip.flight, trip.seconded = flight, False
        for tier in trip.plan.tiers:
            if trip.tier is not None and tier.priority <= trip.tier:
                continue
            for row in tier.rows:
                if row.application == application and row.weight > 0:
                    trip.tier = tier.priority
                    return
        self.broken(f"#{trip.number} after tier {trip.tier}: application {application} has no row below")

    def replied(self, trip: "Trip", reply: Reply) -> None:
        tried = [attempt.tier for attempt in reply.attempts]
        if tried != sorted(tried) or len(tried) - len(set(tried)) != trip.hedges:
            self.broken(f"#{trip.number} went through the tiers {tried}")
        if len(tried) != trip.calls:
            self.broken(f"#{trip.number}: {trip.calls} calls, and {len(tried)} attempts are told")


CALLS_PER_ARRIVAL = 1.2
CALLS_PER_S = 10.0
RESERVE = 100.0
"""What the budget starts with, and saves at most."""


class Budget(Checker):
    """All calls together: falling through must not multiply a load that is too high already.

    A call that a server turned away for load does not count: it did no work.
    """

    rule = "I7 budget of calls"

    def __init__(self) -> None:
        super().__init__()
        self._arrivals = 0
        self._calls = 0

    def opened(self, world: "World") -> None:
        self._loop = world.loop
        self._began_s = world.began_s

    def arrived(self, trip: "Trip") -> None:
        self._arrivals += 1

    def called(self, flight: "Flight") -> None:
        self._calls += 1
        span_s = self._loop.now_s - self._began_s
        if self._calls > CALLS_PER_ARRIVAL * self._arrivals + CALLS_PER_S * span_s + RESERVE:
            self.broken(f"{self._calls} calls for {self._arrivals} arrivals in {span_s:.1f} s")

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        outcome = outcome_of(result.status) if isinstance(result, Answer) else result.outcome
        if outcome is Outcome.THROTTLED and not flight.left_behind:
            self._calls -= 1
