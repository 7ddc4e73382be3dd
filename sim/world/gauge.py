"""What a scenario is judged by: who was called for whom, goodput over time, what the proxy added."""

from typing import TYPE_CHECKING

from proxy.messages import Reply, Verdict, called_s
from proxy.qos.breaker import State
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.trip import Trip
    from sim.world.world import World


class Gauge(Checker):
    """Counts, and judges nothing. Seconds of the world count from its beginning."""

    rule = "gauge"

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[tuple[str, str], int] = {}  # by application and class
        self.calls_at: dict[tuple[str, str, int], int] = {}  # and by the second of their beginning
        self.arrived_at: dict[int, int] = {}  # online requests, by the second of their arrival
        self.good_at: dict[int, int] = {}  # those of them that were served in time
        self.served_at: dict[int, int] = {}  # good answers, by the second in which they were given
        self.added_s: list[float] = []  # beside the attempts
        self.inside_max: dict[str, int] = {}  # at the backend, by application
        self.rejecting_s: dict[str, float] = {}  # when its breaker was first seen so
        self._inside: dict[str, int] = {}

    def opened(self, world: "World") -> None:
        self._world = world

    def arrived(self, trip: "Trip") -> None:
        if not trip.request.drained:
            second = int(trip.began_s - self._world.began_s)
            self.arrived_at[second] = self.arrived_at.get(second, 0) + 1

    def called(self, flight: "Flight") -> None:
        key = (flight.server.plan.application, flight.trip.plan.qos.name)
        self.calls[key] = self.calls.get(key, 0) + 1
        second = int(self._world.loop.now_s - self._world.began_s)
        self.calls_at[*key, second] = self.calls_at.get((*key, second), 0) + 1

    def entered(self, flight: "Flight") -> None:
        application = flight.server.plan.application
        count = self._inside[application] = self._inside.get(application, 0) + 1
        self.inside_max[application] = max(count, self.inside_max.get(application, 0))

    def left(self, flight: "Flight") -> None:
        self._inside[flight.server.plan.application] -= 1

    def returned(self, flight: "Flight", result: object) -> None:
        self._look(flight.server.plan.application)

    def given_up(self, flight: "Flight") -> None:
        self._look(flight.server.plan.application)

    def replied(self, trip: "Trip", reply: Reply) -> None:
        now = self._world.loop.now_s
        if reply.verdict is not Verdict.SERVED or trip.request.drained:
            return
        self.added_s.append(now - trip.began_s - called_s(reply.attempts))
        if now <= trip.deadline_s:
            for counts, moment_s in ((self.good_at, trip.began_s), (self.served_at, now)):
                second = int(moment_s - self._world.began_s)
                counts[second] = counts.get(second, 0) + 1

    def added_p99_s(self) -> float:
        """What 99% of the served ones did not exceed."""
        ordered = sorted(self.added_s)
        return ordered[int(0.99 * len(ordered))] if ordered else 0.0

    def per_s(self, from_s: int, until_s: int) -> float:
        """Good answers a second between two moments."""
        return sum(self.served_at.get(each, 0) for each in range(from_s, until_s)) / (until_s - from_s)

    def share(self, from_s: int, until_s: int) -> float:
        """Of the requests that arrived between two moments, those that were served in time."""
        seconds = range(from_s, until_s)
        arrived = sum(self.arrived_at.get(each, 0) for each in seconds)
        return sum(self.good_at.get(each, 0) for each in seconds) / arrived if arrived else 1.0

    def _look(self, application: str) -> None:
        if application in self.rejecting_s:
            return
        now = self._world.loop.now_s
        if self._world.pipeline.snapshot.gates[application].breaker.state(now) is State.REJECTING:
            self.rejecting_s[application] = now - self._world.began_s
