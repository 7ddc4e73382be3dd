"""A snapshot: one table in service, with everything that was built for it.

A request takes the snapshot once and keeps it to its end; a reload swaps the reference for the next
requests. What must survive a reload (gates, with their permits and breakers) is carried over by id.
"""

from collections.abc import Mapping

from proxy.ports import Clock, Cluster, Labels, Rng, Timers
from proxy.qos.budget import Budget, Spending
from proxy.qos.gate import Gate
from proxy.qos.hedge import Hedging
from proxy.qos.permits import PermitsOf, own_permits
from proxy.routing.catalog import Catalog
from proxy.routing.table import Table
from proxy.tiers.ground import Ground

LEAVING_S = 600.0
"""How long the gate of an application that a table dropped is kept: as long as a row's timeout may be."""

LEAVING_MAX = 20_000
"""So many of them at most that have no call in flight; the longest gone go first."""


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

    `permits_of` makes the permits of an application that has no gate yet; `budget` is what falling through
    may cost.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        rng: Rng,
        clusters: Mapping[str, Cluster],
        permits_of: PermitsOf = own_permits,
        budget: Spending | None = None,
    ) -> None:
        self._clock = clock
        self._timers = timers
        self._rng = rng
        self._clusters = clusters
        self._permits_of = permits_of
        self._budget: Spending = budget or Budget(clock.now())
        self._hedging = Hedging(clock.now())
        self._leaving: dict[str, tuple[Gate, float]] = {}  # of applications that a table dropped, and when

    def build(
        self, table: Table, labeling: Labels, previous: Snapshot | None, generation: int | None = None
    ) -> Snapshot:
        """The next snapshot; its generation is the one given, or the next.

        Gates of applications that stay are adopted, the others are new. One that comes back while requests
        may still go by an older table has its gate back too: one application, one limit.
        """
        now = self._clock.now()
        if previous is not None:
            for name, gate in previous.gates.items():
                self._leaving.setdefault(name, (gate, now))
        gates: dict[str, Gate] = {}
        for application in table.applications.values():
            kept = self._leaving.pop(application.id, None)
            if kept is None:
                gates[application.id] = Gate(application, self._permits_of)
            else:
                gates[application.id] = kept[0]
                kept[0].adopt(application, now)
        self._let_go(now)
        self._budget.limit(table.fall_through.share, table.fall_through.per_second, now)
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
                hedging=self._hedging,
            ),
        )

    def _let_go(self, now: float) -> None:
        """Keep the gates that are in use, and the latest of those that may be."""
        idle = [
            name
            for name, (gate, _) in self._leaving.items()
            if not gate.permits.in_flight and not gate.line.waiting
        ]
        for place, name in enumerate(idle):  # a dict keeps the order in which they left
            if now - self._leaving[name][1] >= LEAVING_S or place < len(idle) - LEAVING_MAX:
                del self._leaving[name]
