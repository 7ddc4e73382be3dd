"""A snapshot: one table in service, with everything that was built for it.

A request takes the snapshot once and keeps it to its end; a reload swaps the reference for the next
requests. What must survive a reload (gates, with their permits and breakers) is carried over by id.
"""

from collections.abc import Mapping

from proxy.ports import Clock, Cluster, Labels, Rng, Timers
from proxy.qos.budget import Budget
from proxy.qos.gate import Gate
from proxy.qos.permits import PermitsOf, own_permits
from proxy.routing.catalog import Catalog
from proxy.routing.table import Table
from proxy.tiers.ground import Ground


class Snapshot:
    """Table, generation, labelers, gates and the ground that chains stand on. Never changed once built."""

    __slots__ = ("catalog", "gates", "generation", "ground", "labeling", "table")

    def __init__(
        self, *, table: Table, generation: int, labeling: Labels, gates: Mapping[str, Gate], ground: Ground
    ) -> None:
        self.table = table
        self.catalog = Catalog(table)
        self.generation = generation
        self.labeling = labeling
        self.gates = gates
        self.ground = ground


class SnapshotBuilder:
    """Builds snapshots from tables; holds the ports that all of them share.

    `permits_of` makes the permits of an application that has no gate yet.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        rng: Rng,
        clusters: Mapping[str, Cluster],
        permits_of: PermitsOf = own_permits,
    ) -> None:
        self._clock = clock
        self._timers = timers
        self._rng = rng
        self._clusters = clusters
        self._permits_of = permits_of
        self._budget = Budget(clock.now())
        self._leaving: dict[str, Gate] = {}  # of applications that the table dropped, with calls in flight

    def build(
        self, table: Table, labeling: Labels, previous: Snapshot | None, generation: int | None = None
    ) -> Snapshot:
        """The next snapshot; its generation is the one given, or the next.

        Gates of applications that stay are adopted, the others are new. One that comes back while its last
        calls are still in flight stays too: its limits are exact.
        """
        known = self._leaving if previous is None else {**self._leaving, **previous.gates}
        gates: dict[str, Gate] = {}
        for application in table.applications.values():
            gate = known.get(application.id)
            if gate is None:
                gate = Gate(application, self._permits_of)
            else:
                gate.adopt(application)
            gates[application.id] = gate
        self._leaving = {
            name: gate
            for name, gate in known.items()
            if name not in gates and (gate.permits.in_flight or gate.line.waiting)
        }
        if generation is None:
            generation = 1 if previous is None else previous.generation + 1
        return Snapshot(
            table=table,
            generation=generation,
            labeling=labeling,
            gates=gates,
            ground=Ground(
                clock=self._clock,
                timers=self._timers,
                rng=self._rng,
                gates=gates,
                clusters=self._clusters,
                budget=self._budget,
            ),
        )
