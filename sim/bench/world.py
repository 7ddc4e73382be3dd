"""What a simulated request costs: `python -m sim.bench.world`. Simulated requests a second of processor time.

Two worlds of two pools of 64 slots and 20 ms (lognormal): `steady`, 3,000 requests a second of two classes;
and `double-11`, a day in small: a quiet evening, midnight at twice what both pools can serve, a busy morning.
Each is watched by nobody but the history, and by all checkers. The best of rounds in turn, as other work only
ever adds; and how long a whole day would take at that speed. For the compiled proxy:
`PYTHONPATH=build/compiled:. python -P -m sim.bench.world`.
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
  - {name: others, label: [2], deadline: 500}
routes:
  - {application: 1, timeout: 300, weight: 1, priority: 0, clusterType: http, label: [1, 2]}
  - {application: 2, timeout: 300, weight: 1, priority: 1, clusterType: http, label: [1, 2]}
"""

ROUNDS = 5
SPAN_S = 5.0
RATE = 1_500.0
DAY = ((0.0, 3.0, 2_000.0), (3.0, 4.0, 12_800.0), (4.0, 7.0, 4_000.0))
"""From, until, and requests a second: twenty four hours in seven seconds."""

DAY_S = 86_400.0
DAYS_PER_S = (100.0, 1_000.0)
"""Loads whose whole day is reckoned."""

WATCHED: dict[str, Callable[[WorldPlan], list[Checker]]] = {
    "no checker": lambda _: [],
    "all checkers": checkers_of,
}


def main() -> int:
    """Prints the figures of each world and way of watching."""
    options = argparse.ArgumentParser(prog="python -m sim.bench.world", description=__doc__)
    options.add_argument("--rounds", type=int, default=ROUNDS, help=f"({ROUNDS})")
    rounds = options.parse_args().rounds
    best = {(world, name): 0.0 for world in WORLDS for name in WATCHED}
    for _ in range(rounds):
        for (world, name), before in best.items():
            best[world, name] = max(before, _round(WORLDS[world](), WATCHED[name]))
    for (world, name), rate in best.items():
        print(f"{world:>10}, {name:<12}: {rate:>8,.0f} requests/s, {1e6 / rate:.1f} µs each")
    rate = best["double-11", "all checkers"]
    for load in DAYS_PER_S:
        print(f"so a day at {load:,.0f} requests/s takes {DAY_S * load / rate / 60:,.0f} minutes of one core")
    return 0


def _round(plan: WorldPlan, checkers: Callable[[WorldPlan], list[Checker]]) -> float:
    world = World(plan, 1, checkers(plan))
    gc.collect()
    began = time.process_time()
    violations = world.run()
    took_s = time.process_time() - began
    assert not violations, violations
    return world.taken / took_s


def steady() -> WorldPlan:
    """An even load."""
    phases = (Phase(from_s=0.0, until_s=SPAN_S, rate=RATE),)
    return _world(phases, phases)


def double_11() -> WorldPlan:
    """A tenth of it is urgent."""

    def share(part: float) -> tuple[Phase, ...]:
        return tuple(Phase(from_s=start, until_s=stop, rate=part * rate) for start, stop, rate in DAY)

    return _world(share(0.1), share(0.9))


def _world(urgent: tuple[Phase, ...], others: tuple[Phase, ...]) -> WorldPlan:
    service = Service(base_s=0.02, shape=Shape.LOGNORMAL)
    return WorldPlan(
        table=TABLE,
        servers=(
            ServerPlan(url="http://first:1", application="1", service=service, slots=64),
            ServerPlan(url="http://second:1", application="2", service=service, slots=64),
        ),
        streams=(
            Stream(caller="urgent", labels=("1",), phases=urgent),
            Stream(caller="others", labels=("2",), phases=others),
        ),
    )


WORLDS = {"steady": steady, "double-11": double_11}

if __name__ == "__main__":
    raise SystemExit(main())
