"""I1, the first half: calls in flight never exceed the limit, as the proxy sees them and at the backend.

Looked at when a call is dispatched: a limit that a reload lowers binds the next call, not those in flight.
"""

from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure
from proxy.snapshot import Snapshot
from sim.world.checkers.limits import Limits
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.world import World


class Concurrency(Checker):
    """In flight: dispatched, and neither returned nor given up."""

    rule = "I1 concurrency"

    def __init__(self) -> None:
        super().__init__()
        self._limits = Limits()
        self._in_flight: dict[str, int] = {}

    def opened(self, world: "World") -> None:
        self._limits.learn(world.pipeline.snapshot)

    def reloaded(self, before: Snapshot, after: Snapshot, accepted: bool) -> None:
        self._limits.learn(after)

    def called(self, flight: "Flight") -> None:
        application = flight.server.plan.application
        count = self._in_flight.get(application, 0) + 1
        self._in_flight[application] = count
        limit = self._limits.concurrency(application)
        if limit is not None and count > limit:
            self.broken(f"application {application} has {count} calls in flight, {limit} at most")

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        self._in_flight[flight.server.plan.application] -= 1

    def given_up(self, flight: "Flight") -> None:
        self._in_flight[flight.server.plan.application] -= 1


class Zombies(Concurrency):
    """The same counted at the backend: one that works on for a client that has gone counts until it ends."""

    rule = "I1 concurrency at the backend, zombies included"
    awaits = "calls that timed out keep their permits"

    def left(self, flight: "Flight") -> None:
        if flight.given_up and flight.server.plan.works_on:
            self._in_flight[flight.server.plan.application] -= 1

    def given_up(self, flight: "Flight") -> None:
        if not (flight.entered and flight.server.plan.works_on):
            super().given_up(flight)
        elif flight.server.plan.works_on and flight.stage == flight.stage.OVER:
            super().given_up(flight)  # it had ended, and its answer was on its way

    def entered(self, flight: "Flight") -> None:
        if flight.given_up and flight.server.plan.works_on:  # given up while it was on its way
            self._in_flight[flight.server.plan.application] += 1
