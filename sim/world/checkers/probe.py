"""Tells the checkers of waiting lines what it sees of the gates' lines.

Looks at each dispatch, at each shed and at the end of each instant, and compares with what it saw before. Of
sheds it is told by the lines themselves.
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from proxy.qos.gate import Gate
from proxy.qos.line import Waiter
from sim.world.checkers.line import LineObserver
from sim.world.watch import Checker

if TYPE_CHECKING:
    from proxy.snapshot import Snapshot
    from sim.world.flight import Flight
    from sim.world.world import World


class Probe(Checker):
    """Watches `gate.line.waiters` of every gate in service."""

    rule = "lines"

    def __init__(self, observers: Iterable[LineObserver]) -> None:
        super().__init__()
        self._observers = tuple(observers)
        self._seen: dict[str, dict[Waiter, str]] = {}
        self._changes: dict[str, int] = {}  # of lines, as they were seen last
        self._count = 0
        self.sheds = 0

    def opened(self, world: "World") -> None:
        self._pipeline = world.pipeline
        self._loop = world.loop
        self._listen(world.pipeline.snapshot)

    def reloaded(self, before: "Snapshot", after: "Snapshot", accepted: bool) -> None:
        self._listen(after)

    def _listen(self, snapshot: "Snapshot") -> None:
        for application, gate in snapshot.gates.items():
            gate.line.shed = partial(self._shed, application, gate)

    def _shed(self, application: str, gate: Gate, waiter: Waiter) -> None:
        """It has left the line, or is not let in; those who stay stand there."""
        self.sheds += 1
        name = self._seen.get(application, {}).get(waiter, "a newcomer")
        self._look(application, gate)
        for each in self._observers:
            each.on_shed(application, waiter.rank, name, self._loop.now_s)

    def called(self, flight: "Flight") -> None:
        application = flight.server.plan.application
        gate = self._pipeline.snapshot.gates.get(application)
        if gate is None:
            return
        self._look(application, gate)
        for each in self._observers:
            each.on_dispatch(
                application, flight.trip.plan.qos.rank, f"#{flight.trip.number}", self._loop.now_s
            )

    def rested(self) -> None:
        now = self._loop.now_s
        for application, gate in self._pipeline.snapshot.gates.items():
            self._look(application, gate)
            free = gate.closed(now) is None
            for each in self._observers:
                each.on_rest(application, free, now)

    def _look(self, application: str, gate: Gate) -> None:
        if gate.line.changes == self._changes.get(application):
            return
        self._changes[application] = gate.line.changes
        waiters = gate.line.waiters
        seen = self._seen.setdefault(application, {})
        standing = set(waiters)
        gone = [each for each in seen if each not in standing]
        for waiter in gone:
            name = seen.pop(waiter)
            for each in self._observers:
                each.on_leave(application, name)
        for waiter in waiters:
            if waiter not in seen:
                self._count += 1
                name = seen[waiter] = f"waiter {self._count}"
                for each in self._observers:
                    each.on_wait(application, waiter.rank, name, waiter.since_s, waiter.deadline)
