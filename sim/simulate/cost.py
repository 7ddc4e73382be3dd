"""What a night costs, and which class of load caused how much of it. Pure.

A pool costs machines × hours × price, busy or not. Each class bears the share of that which it has of the
pool's busy time: idle time, kept for the peak, is apportioned like the time in use. A pool that nobody used
is borne by all classes like the rest of the cost.
"""

from collections.abc import Mapping, Sequence

from sim.fleet.fleet import Pool
from sim.replay.simulated import ClassCost
from sim.simulate.usage import Busy

THOUSAND = 1_000
SECONDS_PER_HOUR = 3_600.0


def cost_of(pool: Pool, hours: float) -> float:
    """Of a pool for so long."""
    return pool.machines * hours * pool.cost


def cost_by_class(
    names: Sequence[str],
    arrivals: Mapping[str, float],
    pools: Sequence[Pool],
    busy_s: Busy,
    hours: float,
    seconds: float,
) -> list[ClassCost]:
    """`arrivals`: of the whole night, by class; `seconds`: how long the plan lasts."""
    borne = [0.0] * len(names)
    left, all_s = 0.0, sum(busy_s.values())
    for pool in pools:
        cost = cost_of(pool, hours)
        mine_s = [busy_s.get((pool.application, kind), 0.0) for kind in range(len(names))]
        used_s = sum(mine_s)
        if used_s > 0:
            borne = [so_far + cost * each_s / used_s for so_far, each_s in zip(borne, mine_s, strict=True)]
        else:
            left += cost
    total = sum(borne)
    if left and total:
        borne = [each + left * each / total for each in borne]
    plans_share = seconds / SECONDS_PER_HOUR / hours
    return [
        ClassCost(
            name=name,
            share=sum(found for (_, place), found in busy_s.items() if place == kind) / all_s
            if all_s
            else 0.0,
            cost=borne[kind],
            per_thousand=THOUSAND * borne[kind] * plans_share / max(arrivals[name], 1.0),
        )
        for kind, name in enumerate(names)
    ]
