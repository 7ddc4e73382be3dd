"""Chains over the same gates, by a manual clock, with cluster and timers in the test's hand."""

import math
import random
from collections.abc import Sequence

from proxy.messages import Answer, Outcome, Request
from proxy.qos.gate import Gate
from proxy.routing.table import Application, Row, Tier
from proxy.tiers.chain import Chain
from proxy.tiers.ground import Ground
from proxy.tiers.outcome import FALLS_THROUGH
from tests.stand_ins.clock import ManualClock, ManualTimers
from tests.stand_ins.cluster import ManualCluster

OK = Answer(status=200, body=b"verdict")


def row(application: str, *, tier: int = 0, weight: float = 1, timeout_s: float = 0.1) -> Row:
    return Row(
        number=1,
        application=application,
        timeout_s=timeout_s,
        weight=weight,
        priority=tier,
        cluster_type="http",
        labels=frozenset({"1"}),
    )


def tiers_of(rows: Sequence[Row]) -> tuple[Tier, ...]:
    """The rows in their tiers."""
    priorities = sorted({each.priority for each in rows})
    return tuple(
        Tier(priority=tier, rows=tuple(each for each in rows if each.priority == tier)) for tier in priorities
    )


class Asked:
    """One request on its chain."""

    def __init__(self, ways: "Ways", rank: int, deadline_s: float, *, drained: bool, hedged: bool) -> None:
        self.ended: list[Answer | None] = []
        self.broke: list[Exception] = []
        request = Request(id="r", method=b"POST", target=b"/", arrived_s=ways.clock.time_s, drained=drained)
        self.chain = Chain(
            *(request, ways.tiers, ways.clock.time_s + deadline_s, ways.ground, rank, FALLS_THROUGH),
            done=self.ended.append,
            broke=self.broke.append,
            hedged=hedged,
        )
        self.chain.advance()

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(attempt.application, attempt.outcome) for attempt in self.chain.attempts]


class Ways:
    """What the chains stand on."""

    def __init__(self, *rows: Row, **limits: object) -> None:
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.cluster = ManualCluster()
        names = sorted({each.application for each in rows})
        self.gates = {
            name: Gate(Application(**{"id": name, "endpoints": (f"http://{name}",), **limits}))  # type: ignore[arg-type]
            for name in names
        }
        self.ground = Ground(
            clock=self.clock,
            timers=self.timers,
            rng=random.Random(1),
            gates=self.gates,
            clusters={"http": self.cluster},
        )
        self.tiers = tiers_of(rows)

    def ask(
        self, rank: int = 0, deadline_s: float = math.inf, *, drained: bool = False, hedged: bool = False
    ) -> Asked:
        return Asked(self, rank, deadline_s, drained=drained, hedged=hedged)

    def learn(self, application: str, elapsed_s: float) -> None:
        """It has taken so long, twenty times and more, just now."""
        for _ in range(30):
            self.gates[application].service.learn(elapsed_s, self.clock.time_s)

    def at_rest(self) -> bool:
        """Every permit back, nobody in a line, no timer pending once the last pulse has been."""
        self.timers.advance(0.002)
        return self.timers.pending == 0 and all(
            gate.permits.in_flight == 0 and gate.line.waiting == 0 for gate in self.gates.values()
        )
