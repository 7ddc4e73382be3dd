"""Tells the checkers of waiting lines what it sees of the gates' lines.

Looks at each dispatch, at each shed and at the end of each instant, and compares with what it saw before. Of
sheds it is told by the lines themselves. Hot: an instant at which no line moved and nobody waits costs a
comparison a gate, and a line of hundreds of which one came or left a binary search.
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from proxy.qos.gate import Gate
from proxy.qos.line import Line as RealLine
from proxy.qos.line import Waiter
from sim.world.checkers.line import Line
from sim.world.watch import Checker

if TYPE_CHECKING:
    from proxy.snapshot import Snapshot
    from sim.world.flight import Flight
    from sim.world.world import World


class Seen:
    """A gate's line as it was seen last: who stood where, under which name, and how many of each rank."""

    __slots__ = ("application", "changes", "free", "gate", "line", "names", "ranks", "waiters")

    def __init__(self, application: str, gate: Gate) -> None:
        self.application = application
        self.gate = gate
        self.line: RealLine = gate.line
        self.changes = 0
        self.free = False  # at the last rest that was told
        self.waiters: list[Waiter] = []
        self.names: dict[Waiter, str] = {}
        self.ranks: dict[int, int] = {}

    def more_critical(self, rank: int) -> bool:
        """Whether anybody waits who goes before this rank."""
        return any(count and each < rank for each, count in self.ranks.items())

    def less_critical(self, rank: int) -> bool:
        """Whether anybody waits who goes after this rank."""
        return any(count and each > rank for each, count in self.ranks.items())

    def split(self) -> int:
        """The place from which on the line is another one: where one came or left, all behind it differ."""
        known, line = self.waiters, self.line
        low, high = 0, min(len(known), line.waiting)
        while low < high:
            middle = (low + high) // 2
            if known[middle] is line.at(middle):
                low = middle + 1
            else:
                high = middle
        return low


class Probe(Checker):
    """Watches the line of every gate in service."""

    rule = "lines"

    def __init__(self, observers: Iterable[Line]) -> None:
        super().__init__()
        self._observers = tuple(observers)
        self._books = tuple({id(each.lines): each for each in reversed(self._observers)}.values())
        self._all: dict[Gate, Seen] = {}  # of all tables so far
        self._seen: dict[str, Seen] = {}  # of the one in service
        self._in_order: tuple[Seen, ...] = ()
        self._count = 0
        self.sheds = 0

    def opened(self, world: "World") -> None:
        self._loop = world.loop
        self._learn(world.pipeline.snapshot)

    def reloaded(self, before: "Snapshot", after: "Snapshot", accepted: bool) -> None:
        self._learn(after)

    def called(self, flight: "Flight") -> None:
        seen = self._seen.get(flight.server.plan.application)
        if seen is None:
            return
        if seen.line.changes != seen.changes:
            self._look(seen)
        rank = flight.trip.plan.qos.rank
        if seen.waiters and seen.more_critical(rank):  # else no rule is concerned
            for each in self._observers:
                each.on_dispatch(seen.application, rank, f"#{flight.trip.number}", self._loop.now_s)

    def rested(self) -> None:
        for seen in self._in_order:
            line = seen.line
            if line.waiting or line.changes != seen.changes:
                self._rest(seen)

    def _rest(self, seen: Seen) -> None:
        if seen.line.changes != seen.changes:
            self._look(seen)
        now = self._loop.now_s
        free = seen.gate.closed(now) is None
        if free or seen.free:
            for each in self._observers:
                each.on_rest(seen.application, free, now)
        seen.free = free

    def _learn(self, snapshot: "Snapshot") -> None:
        """A table is in service; what is seen of a gate that comes back goes on."""
        for application, gate in snapshot.gates.items():
            if gate not in self._all:
                seen = self._all[gate] = Seen(application, gate)
                gate.line.shed = partial(self._shed, seen)
        self._seen = {name: self._all[gate] for name, gate in snapshot.gates.items()}
        self._in_order = tuple(self._seen.values())

    def _shed(self, seen: Seen, waiter: Waiter) -> None:
        """It has left the line, or is not let in; those who stay stand there."""
        self.sheds += 1
        name = seen.names.get(waiter, "a newcomer")
        if seen.line.changes != seen.changes:
            self._look(seen)
        if seen.less_critical(waiter.rank):  # else no rule is concerned
            for each in self._observers:
                each.on_shed(seen.application, waiter.rank, name, self._loop.now_s)

    def _look(self, seen: Seen) -> None:
        line, known = seen.line, seen.waiters
        one = line.changes - seen.changes == 1
        seen.changes = line.changes
        if not one:
            self._compare(seen)
        elif line.waiting > len(known):
            place = seen.split()
            known.insert(place, line.at(place))
            self._came(seen, known[place])
        else:
            self._left(seen, known.pop(seen.split()))

    def _compare(self, seen: Seen) -> None:
        """More than one came or left: told in the order in which they stood, which no set remembers."""
        before, seen.waiters = seen.waiters, seen.line.waiters
        gone = seen.names.keys() - set(seen.waiters)
        new = set(seen.waiters) - seen.names.keys()
        for waiter in before if len(gone) > 1 else gone:
            if waiter in gone:
                self._left(seen, waiter)
        for waiter in seen.waiters if len(new) > 1 else new:
            if waiter in new:
                self._came(seen, waiter)

    def _came(self, seen: Seen, waiter: Waiter) -> None:
        self._count += 1
        name = seen.names[waiter] = f"waiter {self._count}"
        seen.ranks[waiter.rank] = seen.ranks.get(waiter.rank, 0) + 1
        for each in self._books:
            each.on_wait(seen.application, waiter.rank, name, waiter.since_s, waiter.deadline)

    def _left(self, seen: Seen, waiter: Waiter) -> None:
        name = seen.names.pop(waiter)
        seen.ranks[waiter.rank] -= 1
        for each in self._books:
            each.on_leave(seen.application, name)
