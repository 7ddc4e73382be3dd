"""Hedges: the one way in which a row is called twice for one request, and what bounds it (I7).

The most critical class alone, where its table says so; once beside a call that is still open; on another
endpoint of the same application; at most one second call to a hundred first ones, none where it would make
more than 70% of the permits taken, none while somebody waits.
"""

from typing import TYPE_CHECKING

from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight

SHARE = 0.01
LOAD_MAX = 0.7
ROUNDING = 1e-6


def is_hedge(flight: "Flight") -> bool:
    """Whether this call may be the second one beside its trip's call under way."""
    trip, first = flight.trip, flight.trip.flight
    if first is None or trip.seconded or not trip.plan.qos.hedge or trip.plan.qos.rank != 0:
        return False
    under_way = first.done is not None and not first.left_behind
    mine, its = flight.server.plan, first.server.plan
    return under_way and mine.application == its.application and mine.url != its.url


class Hedges(Checker):
    """Counts them all, and looks at each. Comes after `Tiers`, which says which calls are hedges."""

    rule = "I7 hedges"

    def __init__(self) -> None:
        super().__init__()
        self._firsts = 0
        self.seconds = 0

    def called(self, flight: "Flight") -> None:
        trip = flight.trip
        if not trip.plan.qos.hedge:
            return
        if not flight.hedge:
            self._firsts += 1
            return
        self.seconds += 1
        if self.seconds > SHARE * self._firsts + ROUNDING:
            self.broken(f"#{trip.number}: {self.seconds} second calls for {self._firsts} first ones")
        name = flight.server.plan.application
        gate = trip.snapshot.gates[name]
        taken, limit = gate.permits.in_flight, gate.permits.concurrency
        if limit is None or taken > LOAD_MAX * limit:
            self.broken(f"#{trip.number}: application {name} is hedged with {taken} of {limit} permits taken")
        if gate.line.waiting:
            self.broken(f"#{trip.number}: application {name} is hedged while {gate.line.waiting} wait for it")
