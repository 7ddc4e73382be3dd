"""What a scenario is judged by: who was called for whom, goodput over time, what the proxy added.

Over time is counted in bins of 10 ms, so that a moment at which a figure settles can be told that exactly.
"""

from itertools import accumulate
from typing import TYPE_CHECKING

from proxy.messages import Reply, Verdict, called_s
from proxy.qos.breaker import State
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.trip import Trip
    from sim.world.world import World


BIN_S = 0.01


class Gauge(Checker):
    """Counts, and judges nothing. Seconds of the world count from its beginning."""

    rule = "gauge"

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[tuple[str, str], int] = {}  # by application and class
        self.calls_at: dict[tuple[str, str, int], int] = {}  # and by the second of their beginning
        self.arrived_at: dict[int, int] = {}  # online requests, by the bin of their arrival
        self.good_at: dict[int, int] = {}  # those of them that were served in time
        self.served_at: dict[int, int] = {}  # good answers, by the bin in which they were given
        self.added_s: list[float] = []  # beside the attempts
        self.inside_max: dict[str, int] = {}  # at the backend, by application
        self.rejecting_s: dict[str, float] = {}  # when its breaker was first seen so
        self._inside: dict[str, int] = {}

    def opened(self, world: "World") -> None:
        self._world = world

    def arrived(self, trip: "Trip") -> None:
        if not trip.request.drained:
            place = _bin(trip.began_s - self._world.began_s)
            self.arrived_at[place] = self.arrived_at.get(place, 0) + 1

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
                place = _bin(moment_s - self._world.began_s)
                counts[place] = counts.get(place, 0) + 1

    def added_p99_s(self) -> float:
        """What 99% of the served ones did not exceed."""
        ordered = sorted(self.added_s)
        return ordered[int(0.99 * len(ordered))] if ordered else 0.0

    def per_s(self, from_s: float, until_s: float) -> float:
        """Good answers a second between two moments."""
        return sum(_between(self.served_at, from_s, until_s)) / (until_s - from_s)

    def share(self, from_s: float, until_s: float) -> float:
        """Of the requests that arrived between two moments, those that were served in time."""
        arrived = sum(_between(self.arrived_at, from_s, until_s))
        return sum(_between(self.good_at, from_s, until_s)) / arrived if arrived else 1.0

    def converged_s(self, from_s: float, until_s: float, least_per_s: float, window_s: float) -> float:
        """How long after `from_s` goodput is reached for good.

        The first moment from which on every window, wherever it begins, brings at least so many answers a
        second; all of the time where the last windows do not.
        """
        least = least_per_s * window_s
        served = _sums(_between(self.served_at, from_s, until_s), window_s)
        return _settled_s([count >= least for count in served])

    def recovered_s(self, from_s: float, until_s: float, least_share: float, window_s: float) -> float:
        """How long after `from_s` such a share of each window's arrivals is served in time, for good."""
        arrived = _sums(_between(self.arrived_at, from_s, until_s), window_s)
        good = _sums(_between(self.good_at, from_s, until_s), window_s)
        return _settled_s([mine >= least_share * all_ for mine, all_ in zip(good, arrived, strict=True)])

    def _look(self, application: str) -> None:
        if application in self.rejecting_s:
            return
        now = self._world.loop.now_s
        if self._world.pipeline.snapshot.gates[application].breaker.state(now) is State.REJECTING:
            self.rejecting_s[application] = now - self._world.began_s


def _bin(moment_s: float) -> int:
    return int(moment_s / BIN_S)


def _between(counts: dict[int, int], from_s: float, until_s: float) -> list[int]:
    return [counts.get(place, 0) for place in range(round(from_s / BIN_S), round(until_s / BIN_S))]


def _sums(counts: list[int], window_s: float) -> list[int]:
    """Of every window of so many bins, by its first one."""
    size, before = round(window_s / BIN_S), [0, *accumulate(counts)]
    return [before[place + size] - before[place] for place in range(len(counts) - size + 1)]


def _settled_s(held: list[bool]) -> float:
    """The beginning of the first window from which on all hold."""
    missed = [place for place, holds in enumerate(held) if not holds]
    return (missed[-1] + 1) * BIN_S if missed else 0.0
