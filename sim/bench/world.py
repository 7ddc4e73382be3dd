"""What a simulated request costs: `python -m sim.bench.world`. Simulated requests a second of processor time.

A steady world: two pools of 64, 3,000 requests a second of two classes, service times of 20 ms (lognormal),
no faults; watched by nobody but the history, and by all checkers. The best of rounds in turn, as other work
only ever adds. For the compiled proxy: `PYTHONPATH=build/compiled:. python -P -m sim.bench.world`.
"""

import argparse
import gc
import time
from collections.abc import Callable

from sim.world.checkers.roster import checkers_of
from sim.world.noise import Shape
from sim.world.plan import Phase, ServerPlan, Service, Stream, WorldPlan
from sim.world.watch import Checker
from sim.world.world import World

TABLE = """
version: 1
applications:
  1: {endpoints: ["http://first:1"], concurrency: 64}
  2: {endpoints: ["http://second:1"], concurrency: 64}
classes:
  - {name: urgent, label: [1], deadline: 500}
routes:
  - {application: 1, timeout: 300, weight: 1, priority: 0, clusterType: http, label: [1, 2]}
  - {application: 2, timeout: 300, weight: 1, priority: 1, clusterType: http, label: [1, 2]}
"""

ROUNDS = 5
SPAN_S = 5.0
RATE = 1_500.0

WATCHED: dict[str, Callable[[WorldPlan], list[Checker]]] = {
    "no checker": lambda _: [],
    "all checkers": checkers_of,
}


def main() -> int:
    """Prints the figures of each way of watching."""
    options = argparse.ArgumentParser(prog="python -m sim.bench.world", description=__doc__)
    options.add_argument("--rounds", type=int, default=ROUNDS, help=f"({ROUNDS})")
    rounds = options.parse_args().rounds
    best = dict.fromkeys(WATCHED, 0.0)
    for _ in range(rounds):
        for name, checkers in WATCHED.items():
            best[name] = max(best[name], _round(checkers))
    for name, rate in best.items():
        print(f"{name:>14}: {rate:>8,.0f} requests/s, {1e6 / rate:.1f} µs each")
    return 0


def _round(checkers: Callable[[WorldPlan], list[Checker]]) -> float:
    plan = steady()
    world = World(plan, 1, checkers(plan))
    gc.collect()
    began = time.process_time()
    violations = world.run()
    took_s = time.process_time() - began
    assert not violations, violations
    return world.taken / took_s


def steady() -> WorldPlan:
    """The world of the benchmark."""
    service = Service(base_s=0.02, shape=Shape.LOGNORMAL)
    phases = (Phase(from_s=0.0, until_s=SPAN_S, rate=RATE),)
    return WorldPlan(
        table=TABLE,
        servers=(
            ServerPlan(url="http://first:1", application="1", service=service, slots=64),
            ServerPlan(url="http://second:1", application="2", service=service, slots=64),
        ),
        streams=(
            Stream(caller="urgent", labels=("1",), phases=phases),
            Stream(caller="others", labels=("2",), phases=phases),
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main())
