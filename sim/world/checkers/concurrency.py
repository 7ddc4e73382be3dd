"""I1, the first half: calls in flight never exceed the limit, as the proxy sees them and at the backend.

Looked at when a call is dispatched: a limit that a reload lowers binds the next call, not those in flight.
"""

from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure
from proxy.snapshot import Snapshot
from sim.world.checkers.counted import counted_by_gate, counted_by_name
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.world import World


class Concurrency(Checker):
    """In flight: dispatched, and neither returned nor given up. Counted by gate.

    One that timed out is only left behind: its server works on, and it counts until that has ended or the
    connection is closed.
    """

    rule = "I1 concurrency"
    counted = staticmethod(counted_by_gate)

    def __init__(self) -> None:
        super().__init__()
        self._limits: dict[object, int | None] = {}
        self._in_flight: dict[object, int] = {}

    def opened(self, world: "World") -> None:
        self._learn(world.pipeline.snapshot)

    def reloaded(self, before: Snapshot, after: Snapshot, accepted: bool) -> None:
        self._learn(after)

    def called(self, flight: "Flight") -> None:
        application = flight.server.plan.application
        key = self.counted(flight.trip.snapshot, application)
        count = self._in_flight.get(key, 0) + 1
        self._in_flight[key] = count
        limit = self._limits[key]
        if limit is not None and count > limit:
            self.broken(f"application {application} has {count} calls in flight, {limit} at most")

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        self.over(flight)

    def given_up(self, flight: "Flight") -> None:
        self.over(flight)

    def over(self, flight: "Flight") -> None:
        """It counts no more."""
        self._in_flight[self.counted(flight.trip.snapshot, flight.server.plan.application)] -= 1

    def _learn(self, snapshot: Snapshot) -> None:
        for name, application in snapshot.table.applications.items():
            self._limits[self.counted(snapshot, name)] = application.concurrency


class ConcurrencyOfAll(Concurrency):
    """Counted by application: requests keep the table that they began with, and must keep its gates too."""

    rule = "I1 concurrency, of applications that a reload drops and another takes back"
    counted = staticmethod(counted_by_name)
