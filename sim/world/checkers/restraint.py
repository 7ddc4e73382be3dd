"""Who is not to be called: a drained application, one that is probed or rests after a probe, a held endpoint.

Nor an endpoint that is down by its own word. Whether a call is a probe is the breaker's word; how it ended,
and what a server asked for with Retry-After, is read from the calls.
"""

from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure
from proxy.qos.breaker import State
from proxy.qos.gate import HOLD_S_MAX, Gate
from proxy.snapshot import Snapshot
from proxy.tiers.outcome import BLAMES, outcome_of
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.world import World

ROUNDING_S = 1e-6
ASKS_FOR_QUIET = frozenset((429, 450, 503))


class Restraint(Checker):
    """Looks at every dispatch, after the gate was entered."""

    rule = "restraint"

    def __init__(self) -> None:
        super().__init__()
        self._probes: dict[Gate, int] = {}  # in flight
        self._probing: set[int] = set()  # their numbers
        self._rest_s: dict[Gate, float] = {}  # the shortest that any table in force gave it
        self._rests_until_s: dict[Gate, float] = {}
        self._held_until_s: dict[tuple[Gate, str], float] = {}

    def opened(self, world: "World") -> None:
        self._loop = world.loop
        self._learn(world.pipeline.snapshot)

    def reloaded(self, before: Snapshot, after: Snapshot, accepted: bool) -> None:
        self._learn(after)

    def called(self, flight: "Flight") -> None:
        plan, now = flight.server.plan, self._loop.now_s
        gate = flight.trip.snapshot.gates[plan.application]
        if any(each.health.down for each in gate.endpoints if each.target.url == plan.url):
            self.broken(f"{plan.url} said that it is not well and is called")
        if gate.drained:
            self.broken(f"application {plan.application} is drained and is called")
        if gate.breaker.state(now) is not State.ADMITTING:
            self._probe(flight, gate)
        if self._held_until_s:
            held_until_s = self._held_until_s.get((gate, plan.url), now)
            if now < held_until_s:
                self.broken(f"{plan.url} asked for quiet for {held_until_s - now:.3f} s more and is called")

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        if flight.left_behind:  # nobody reads what it says
            return
        if self._probing:
            outcome = outcome_of(result.status) if isinstance(result, Answer) else result.outcome
            self._over(flight, BLAMES[outcome])
        if isinstance(result, Answer) and result.status in ASKS_FOR_QUIET:
            for name, value in result.headers:
                if name == b"Retry-After":
                    gate = flight.trip.snapshot.gates[flight.server.plan.application]
                    quiet_s = min(float(value), HOLD_S_MAX)
                    self._held_until_s[gate, flight.server.plan.url] = self._loop.now_s + quiet_s

    def left_behind(self, flight: "Flight") -> None:
        self._over(flight, self._loop.now_s - flight.began_s >= flight.budget_s)

    def given_up(self, flight: "Flight") -> None:
        self._over(flight, self._loop.now_s - flight.began_s >= flight.budget_s)

    def _probe(self, flight: "Flight", gate: Gate) -> None:
        count = self._probes[gate] = self._probes.get(gate, 0) + 1
        self._probing.add(flight.number)
        name = flight.server.plan.application
        if count > 1:
            self.broken(f"application {name} has {count} probes at once")
        early_s = self._rests_until_s.get(gate, 0.0) - self._loop.now_s
        if early_s > ROUNDING_S:
            self.broken(f"application {name} rests for {early_s:.3f} s more and is probed")

    def _over(self, flight: "Flight", blamed: bool) -> None:
        if flight.number not in self._probing:
            return
        self._probing.discard(flight.number)
        gate = flight.trip.snapshot.gates[flight.server.plan.application]
        self._probes[gate] -= 1
        if blamed:
            self._rests_until_s[gate] = self._loop.now_s + self._rest_s[gate]

    def _learn(self, snapshot: Snapshot) -> None:
        for gate in snapshot.gates.values():
            limits = gate.application.breaker
            rest_s = min(limits.rest_s, limits.rest_max_s)
            self._rest_s[gate] = min(rest_s, self._rest_s.get(gate, rest_s))
