"""Who kept the machines busy: slot seconds by pool and class, and the proxy's state by the second.

Tickets' later tries count for the class that the request came with.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

from sim.replay.proxywatch import Sample, tier_name
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.world import World

Busy = dict[tuple[str, int], float]
"""Slot seconds by pool and the class's place in the plan."""


class Usage(Checker):
    """Looks on; judges nothing. `busy_s` is of the schedule's time, without what came after."""

    rule = "usage"

    def __init__(self, every_s: float, seconds: float) -> None:
        super().__init__()
        self._every_s = every_s
        self._seconds = seconds
        self._running: defaultdict[tuple[str, int], float] = defaultdict(float)
        self._whole: Busy | None = None  # of the schedule's time, once that is over
        self.samples: list[Sample] = []

    @property
    def busy_s(self) -> Busy:
        """Of the schedule's time, or of what there was of it."""
        return dict(self._running) if self._whole is None else self._whole

    def opened(self, world: "World") -> None:
        self._world = world
        self._slots: defaultdict[str, int] = defaultdict(int)
        for server in world.servers.values():
            self._slots[server.plan.application] += server.plan.slots
        world.loop.at(world.began_s, self._look, None)
        world.loop.at(world.began_s + self._seconds, self._over, None)

    def left(self, flight: "Flight") -> None:
        if flight.served_s is not None:
            kind = int(flight.trip.request.id.partition("-")[0])
            pool = flight.server.plan.application
            self._running[pool, kind] += self._world.loop.now_s - flight.served_s

    def _over(self, _: None) -> None:
        self._whole = dict(self._running)

    def _look(self, _: None) -> None:
        world = self._world
        requests: defaultdict[str, float] = defaultdict(float)
        for (_name, tier, outcome), count in world.meters.requests.items():
            requests[tier_name(tier, outcome)] += count
        serving: defaultdict[str, float] = defaultdict(float)
        for server in world.servers.values():
            serving[server.plan.application] += server.serving / self._slots[server.plan.application]
        gates = world.pipeline.snapshot.gates
        self.samples.append(
            Sample(
                at_s=world.loop.now_s - world.began_s,
                requests=dict(requests),
                depth={status: float(count) for status, count in world.queue.store.stats().counts.items()},
                inflight={name: float(gate.permits.in_flight) for name, gate in gates.items()},
                busy=dict(serving),
            )
        )
        world.loop.at(world.loop.now_s + self._every_s, self._look, None)
