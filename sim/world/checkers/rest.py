"""I9: at rest every permit is back, every endpoint is free, and every half-open breaker has resolved."""

from typing import TYPE_CHECKING

from proxy.qos.breaker import State
from proxy.qos.gate import Gate
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.world import World


class Rest(Checker):
    """Looks once, when nothing is under way any more."""

    rule = "I9 at rest"

    def closed(self, world: "World") -> None:
        if world.trips:
            self.broken(f"{len(world.trips)} requests never end, the first of them {_first(world)}")
            return
        for name, gate in sorted(world.pipeline.snapshot.gates.items()):
            self._look(name, gate, world.loop.now_s)

    def _look(self, name: str, gate: Gate, now: float) -> None:
        if gate.permits.in_flight:
            self.broken(f"application {name}: {gate.permits.in_flight} permits never came back")
        for endpoint in gate.endpoints:
            if endpoint.pending:
                self.broken(f"{endpoint.target.url}: {endpoint.pending} calls are still counted")
        if gate.breaker.state(now) is State.PROBING and not gate.breaker.admits(now):
            self.broken(f"application {name}: its breaker waits for a probe that nobody makes")


def _first(world: "World") -> str:
    return next(f"#{trip.number} of {trip.began_s - world.began_s:.3f} s" for trip in world.trips.values())
