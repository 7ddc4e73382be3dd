"""What each stage of a request's admission costs, beside its budget.

`python -m sim.bench.stages`: the production objects of a pipeline over a table of two tiers with permits,
rates, deadlines and several endpoints, each stage called by itself; medians of rounds, in microseconds. Of
the compiled twin too where there is one (`make compiled`), by processes of their own in turns, so that the
machine's moods meet both. Labelling is excluded: it is the plugins' own (`sim.bench.labeling`).
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
import uvloop

from proxy.clock import LiveClock
from proxy.messages import Answer, Outcome, Request
from proxy.qos.budget import Budget
from proxy.qos.gate import Gate, Pass
from proxy.qos.guard import Guard
from proxy.qos.line import Waiter
from proxy.routing.parse import parse_table
from proxy.routing.table import Table
from proxy.snapshot import SnapshotBuilder
from proxy.tiers.chain import Chain
from proxy.tiers.deadline import CHANCE_S_MIN, attempt_budget, deadline_of
from proxy.tiers.outcome import FALLS_THROUGH, outcome_of
from proxy.tiers.reserve import reserve_s
from proxy.timers import Wheel
from sim.bench.decision import InstantCluster
from sim.bench.peers.penstock import COMPILED

ROUNDS, CALLS, TURNS = 15, 4_000, 3
WAITING = 100
"""In the line, while one more joins it and leaves."""

BUDGETS_US = {
    "guard": 10.0,
    "deadline": 1.0,
    "plan": 5.0,
    "choose": 10.0,
    "permit": 10.0,
    "permit: in line": 10.0,
    "dispatch": 5.0,
    "settle": 5.0,
    "settle: falls through": 5.0,
}
"""Of the plain code, microseconds; the compiled one is held to the same."""

TABLE = """
version: 1
classes:
  - {name: A, label: 1, deadline: 300}
  - {name: B, label: 2, deadline: 1000}
applications:
  1: {endpoints: ["http://a:1", "http://b:1"], concurrency: 256, rate: 1000000}
  2: {endpoints: ["http://c:1", "http://d:1"], concurrency: 256, rate: 1000000}
  3: {endpoints: "http://e:1", concurrency: 256}
routes:
  - {application: 1, timeout: 100, weight: 10, priority: 0, clusterType: http, label: "1,2"}
  - {application: 2, timeout: 100, weight: 50, priority: 0, clusterType: http, label: "1,2"}
  - {application: 3, timeout: 200, weight: 10, priority: 1, clusterType: http, label: "1,2"}
"""
ANSWER = Answer(status=200)
ANSWERED_S = 0.02

WITHIN, OVER = "within", "OVER"

Act = Callable[[], object]


class Bench:
    """One pipeline's parts, with calls behind them, so that service times are known."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        table = parse_table(TABLE, {})
        assert isinstance(table, Table)
        self._clock, self._rng = LiveClock(), random.Random(0)
        timers = Wheel(now=self._clock.now, alarm=loop.call_later, report=_raise)
        builder = SnapshotBuilder(
            clock=self._clock, timers=timers, rng=self._rng, clusters={"http": InstantCluster(loop)}
        )
        self._snapshot = builder.build(table, _NoLabels(), None)
        self._plan = table.plan(("1",), drained=False)
        self._gate = self._snapshot.gates["1"]
        for gate in self._snapshot.gates.values():
            for _ in range(64):
                self._called(gate, Outcome.OK)
        self._request = self._requested()
        self._chain = Chain(
            self._request,
            self._plan.tiers,
            deadline_of(self._request, self._plan.qos),
            self._snapshot.ground,
            self._plan.qos.rank,
            FALLS_THROUGH,
            lambda _: None,
            _raise,
        )
        self._chain._next = 1  # noqa: SLF001 - as `advance` has it in tier 0

    def measure(self) -> dict[str, float]:
        """Microseconds by stage."""
        return {name: microseconds(act) for name, act in self.acts().items()}

    def acts(self) -> dict[str, Act]:
        """Each stage once."""
        return {
            "guard": self._guard(),
            "deadline": self._deadline,
            "plan": lambda: self._snapshot.table.plan(("1",), drained=False),
            "choose": self._choose,
            "permit": self._permit,
            "permit: in line": self._line(),
            "dispatch": self._dispatch(),
            "settle": self._settle(200),
            "settle: falls through": self._settle(500),
        }

    def _requested(self) -> Request:
        return Request(
            id="r", method=b"POST", target=b"/v2/models/m/infer", model="m", arrived_s=self._clock.now()
        )

    def _called(self, gate: Gate, outcome: Outcome) -> None:
        now = self._clock.now()
        taken = gate.enter(now, 0.5)
        assert isinstance(taken, Pass)
        gate.leave(taken, outcome, now, ANSWERED_S)

    def _guard(self) -> Act:
        """A look at the proxy's health for each request, which the proxy has twenty times a second."""
        guard, now = Guard(), self._clock.now

        def act() -> bool:
            guard.observe(0.001, 0.1, now())
            return self._plan.qos.rank >= guard.least_rank(2)

        return act

    def _deadline(self) -> float:
        """The request's, and what of it the attempt gets."""
        now = self._request.arrived_s + 0.001
        left_s = deadline_of(self._request, self._plan.qos) - now
        return attempt_budget(
            0.1, left_s, reserve_s(self._gate, self._plan.tiers[1:], self._snapshot.gates, 0.1, left_s, now)
        )

    def _choose(self) -> object:
        """Eligibility and the draw of a row; the draw of its endpoint is `permit`'s, as in the gate."""
        now, chain = self._request.arrived_s + 0.001, self._chain
        eligible = chain._eligible(self._plan.tiers[0].rows, now)  # noqa: SLF001
        assert len(eligible) == 2, chain.passed_over
        return chain._choose(eligible, now)  # noqa: SLF001

    def _permit(self) -> None:
        """Take it, with the less loaded of two endpoints, and give it back."""
        now = self._clock.now()
        taken = self._gate.enter(now, 0.5)
        assert isinstance(taken, Pass)
        self._gate.release(taken, now)

    def _line(self) -> Act:
        """Join among a hundred that wait, and leave."""
        line = Gate(self._gate.application).line
        for number in range(WAITING):
            line.join(_waiter(number % 2, f"caller {number % 10}"))
        waiter = _waiter(0, "caller 5")

        def act() -> None:
            line.ahead_of(waiter)
            place = line.join(waiter)
            assert place is not None
            line.leave(place)

        return act

    def _dispatch(self) -> Act:
        """The gate looks again, and the first who waits at its deadline; then somebody else was quicker."""
        gate, at_s = Gate(self._gate.application), self._clock.now()  # stands: what calls take is known then
        deadline = at_s + 0.3

        def wake(_: str, now_s: float) -> bool:
            assert deadline - now_s >= max(self._gate.service.median_s(now_s), CHANCE_S_MIN)
            return False

        gate.line.join(_waiter(0, "caller", wake))
        return lambda: gate.pump(at_s)

    def _settle(self, status: int) -> Act:
        """What the outcome says, of application and endpoint, and whether the request goes on."""
        gate, now, budget = self._gate, self._clock.now, Budget(self._clock.now(), per_second=1e9)
        gate.breaker.limits = msgspec.structs.replace(gate.breaker.limits, consecutive=10**9, ratio=2.0)
        for endpoint in gate.endpoints:
            endpoint.health.limit(gate.breaker.limits)
        taken = gate.enter(self._request.arrived_s, 0.5)  # not later than `_choose` looks
        assert isinstance(taken, Pass)

        def act() -> None:
            outcome, at_s = outcome_of(status), now()
            gate.judge(taken, outcome, at_s, ANSWERED_S)
            if FALLS_THROUGH[outcome] and budget.affords(at_s):
                budget.take(at_s)

        return act


class _NoLabels:
    """`ports.Labels` that are never asked."""

    reads_head = False

    def label(self, payload: object) -> tuple[str, ...]:
        """None."""
        raise AssertionError(payload)

    def sweep(self) -> None:
        """It has no bursts."""

    def events(self) -> dict[tuple[str, str], int]:
        """None."""
        return {}


def _waiter(rank: int, caller: str, wake: Callable[[str, float], bool] = lambda _, __: False) -> Waiter:
    return Waiter(
        rank=rank, deadline=1e9, since_s=0.0, request_id="r", wake=wake, evict=lambda _: None, caller=caller
    )


def microseconds(act: Act) -> float:
    """Of one call: the median of many rounds."""
    spans = []
    for _ in range(ROUNDS):
        began_ns = time.perf_counter_ns()
        for _ in range(CALLS):
            act()
        spans.append((time.perf_counter_ns() - began_ns) / CALLS / 1000)
    return statistics.median(spans)


def _raise(error: Exception) -> None:
    raise error


async def measure_here() -> dict[str, float]:
    """By this process's own modules."""
    return Bench(asyncio.get_running_loop()).measure()


def measure(path: str) -> dict[str, float]:
    """By a process of its own, whose modules are first looked for in `path`."""
    ran = subprocess.run(
        [sys.executable, "-P", "-m", __spec__.name if __spec__ else "sim.bench.stages", "--here"],
        env={**os.environ, "PYTHONPATH": f"{path}:."},
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(ran.stdout, type=dict[str, float])


def lines(found: dict[str, dict[str, float]]) -> list[str]:
    """The table: each stage, its budget, what it costs, and whether that is within."""
    told = [f"{'microseconds':26}{'budget':>8}" + "".join(f"{kind:>20}" for kind in found)]
    for stage, budget_us in BUDGETS_US.items():
        costs = [each[stage] for each in found.values()]
        cells = [f"{us:10.2f}  {WITHIN if us <= budget_us else OVER:8}" for us in costs]
        told.append(f"{stage:26}{budget_us:8.0f}" + "".join(cells))
    return told


def main() -> None:
    """Print the table."""
    if "--here" in sys.argv:
        print(msgspec.json.encode(uvloop.run(measure_here())).decode())
        return
    paths = {"plain": ".", **({"compiled": str(COMPILED)} if (COMPILED / "proxy").exists() else {})}
    turns = [{kind: measure(path) for kind, path in paths.items()} for _ in range(TURNS)]
    found = {
        kind: {stage: statistics.median(turn[kind][stage] for turn in turns) for stage in BUDGETS_US}
        for kind in paths
    }
    print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
