"""I10: a reload is atomic; what stays keeps its gate, counts and breaker; a bad table changes nothing."""

from typing import TYPE_CHECKING

from proxy.messages import Reply
from proxy.qos.breaker import State
from proxy.qos.gate import Gate
from proxy.snapshot import Snapshot
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.trip import Trip
    from sim.world.world import World

Kept = tuple[Gate, int, State, bool, tuple[tuple[str, int, float], ...]]


class Reloads(Checker):
    """Compares every gate before and after."""

    rule = "I10 reload"

    def opened(self, world: "World") -> None:
        self._loop = world.loop
        self._pipeline = world.pipeline

    def reloading(self, before: Snapshot) -> None:
        self._before = {name: self._kept(gate) for name, gate in before.gates.items()}

    def reloaded(self, before: Snapshot, after: Snapshot, accepted: bool) -> None:
        if accepted is (after is before):
            self.broken(
                "a refused table changed something" if not accepted else "a good table changed nothing"
            )
        if accepted and after.generation != before.generation + 1:
            self.broken(f"generation {after.generation} follows {before.generation}")
        for name, gate in after.gates.items():
            kept = self._before.get(name)
            if kept is not None:
                self._compare(name, kept, self._kept(gate))

    def replied(self, trip: "Trip", reply: Reply) -> None:
        began = trip.snapshot.generation
        if reply.generation != began:
            self.broken(f"#{trip.number} began in generation {began}, ended in {reply.generation}")

    def _compare(self, name: str, before: Kept, after: Kept) -> None:
        if before[0] is not after[0]:
            self.broken(f"application {name} has a new gate")
        for what, old, new in zip(("permits", "breaker", "drain"), before[1:4], after[1:4], strict=True):
            if old != new:
                self.broken(f"application {name}: {what} was {old} and is {new}")
        known = {url: rest for url, *rest in before[4]}
        for url, *rest in after[4]:
            if known.get(url, rest) != rest:
                self.broken(f"{url}: calls and quiet were {known[url]} and are {rest}")

    def _kept(self, gate: Gate) -> Kept:
        endpoints = tuple((each.target.url, each.pending, each.held_until_s) for each in gate.endpoints)
        state = gate.breaker.state(self._loop.now_s)
        return gate, gate.permits.in_flight, state, gate.drained, endpoints
