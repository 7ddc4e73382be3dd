"""What every chain stands on: the ports, the gates of the applications, the clients, the budgets."""

from collections.abc import Mapping

from proxy.ports import Clock, Cluster, Rng, Timers
from proxy.qos.budget import Budget, Spending
from proxy.qos.gate import Gate
from proxy.qos.hedge import Hedging

PULSE_S = 0.0001
"""While somebody waits it is looked whether a permit came by time, or from another process: at each tick of
the timer wheel, which is longer than this."""


class Ground:
    """The ports, the gates by application and the clients by clusterType. One for each snapshot."""

    __slots__ = ("budget", "clusters", "gates", "hedging", "now", "rng", "timers")

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        rng: Rng,
        gates: Mapping[str, Gate],
        clusters: Mapping[str, Cluster],
        budget: Spending | None = None,
        hedging: Hedging | None = None,
    ) -> None:
        self.now = clock.now
        self.timers = timers
        self.rng = rng
        self.gates = gates
        self.clusters = clusters
        self.budget: Spending = budget or Budget(clock.now())
        self.hedging = hedging or Hedging(clock.now())

    def pulse(self, gate: Gate) -> None:
        """Somebody waits at the gate: look again and again, until nobody does."""
        if not gate.line.pulsing:
            gate.line.pulsing = True
            self.timers.after(PULSE_S, lambda: self._beat(gate))

    def _beat(self, gate: Gate) -> None:
        gate.line.pulsing = False
        gate.pump(self.now())
        if gate.line.waiting:
            self.pulse(gate)
